#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/secret.h"

namespace postern::app {

/// `postern explain`: a recorded decision by its id, or a new one from what the options say.
struct ExplainOptions {
  std::optional<std::string> id;             ///< ULID of a recorded trace
  std::optional<std::string> message;        ///< file name; "-" is standard input
  std::optional<std::string> mail_from;      ///< --from; "" is the null reverse-path
  std::vector<std::string> recipients;       ///< --to, may be repeated
  std::optional<IpAddress> client_ip;        ///< --client-ip
  std::optional<std::string> helo;           ///< --helo
  bool tls = false;                          ///< --tls: as if STARTTLS had been done
  std::optional<std::string> auth;           ///< --auth NAME: as if NAME had authenticated
  std::optional<std::filesystem::path> dns;  ///< --dns FILE: the only answers there are
  std::optional<std::filesystem::path> config_file;
  std::optional<Secret> password;  ///< --password-stdin: what the client signed in with
  bool json = false;
  bool exit_code = false;  ///< --exit-code: 1 when the decision is a refusal
  bool no_color = false;
};

/// Returns an ExitCode as int. `config` is loaded already.
int explain(const Config& config, const ExplainOptions& options);

}  // namespace postern::app
