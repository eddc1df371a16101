#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/secret.h"

namespace postern::app {

/// `postern explain`: a recorded decision by its id, or a new decision from the options.
struct ExplainOptions {
  std::optional<std::string> id;             ///< ULID of a recorded trace; nullopt: a new decision
  std::optional<std::string> message;        ///< path; "-" is standard input
  std::optional<std::string> mail_from;      ///< --from; "" is the null reverse-path
  std::vector<std::string> recipients;       ///< --to, may be repeated
  std::optional<IpAddress> client_ip;        ///< --client-ip
  std::optional<std::string> helo;           ///< --helo; "": none is said
  std::string listener = {};                 ///< --listener NAME; empty: the first
  bool tls = false;                          ///< --tls: as if after STARTTLS
  bool no_tls = false;                       ///< --no-tls: --auth without STARTTLS
  std::optional<std::string> auth;           ///< --auth NAME: as if NAME were authenticated
  std::optional<std::filesystem::path> dns;  ///< --dns FILE: the only source of DNS answers
  std::vector<std::string> answers = {};     ///< --answer SERVICE=ANSWER, may be repeated
  std::optional<std::filesystem::path> config_file;  ///< --config; nullopt: see load_for()
  std::optional<Secret> password;  ///< --password-stdin: the password of the recorded login
  bool as_test = false;            ///< --as-test: the decision as a test of docs/policy-tests.md
  bool with_message = false;       ///< --with-message: with the text of the message
  bool redact = false;             ///< --redact: without local parts and names
  bool json = false;               ///< --json
  bool exit_code = false;          ///< --exit-code: 1 if the decision is a refusal
  bool no_color = false;           ///< --no-color
};

}  // namespace postern::app
