// What `postern setup` is told, each answer in its normal form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip.h"

namespace postern::setup {

/// Where the mail of the domains goes.
enum class Destination : std::uint8_t {
  relay,    ///< to another mail server, by SMTP
  webhook,  ///< as HTTP requests
  inbox,    ///< into the built-in inbox
};

/// Where the certificate comes from.
enum class Certificate : std::uint8_t {
  acme,   ///< an ACME client, whose hook installs it; until then it is self-signed
  files,  ///< two files that exist
  proxy,  ///< as `acme`; clients connect through a proxy that sends a PROXY header
};

/// Answers that are valid each for itself.
struct Answers {
  std::string hostname;              ///< of the gateway; A-labels in lower case
  std::vector<std::string> domains;  ///< whose mail is accepted; not empty, in the same form
  std::string email;                 ///< who gets reports about the domains; empty: nobody
  Destination destination = Destination::relay;  ///< of accepted mail
  std::string relay;        ///< for Destination::relay: as `to` of a [[route]] has it
  std::string webhook;      ///< for Destination::webhook: an https URL
  bool submission = false;  ///< clients may sign in on ports 465 and 587, and send anywhere
  Certificate tls = Certificate::acme;  ///< source of the certificate
  std::string certificate_file;         ///< for Certificate::files: as [[listener]] has it
  std::string key_file;                 ///< likewise
  std::string users_file;            ///< with `submission`: who signs in, as [[auth.source]] has it
  std::vector<std::string> proxies;  ///< for Certificate::proxy: networks in CIDR notation
  std::vector<IpAddress> addresses;  ///< public addresses of the gateway; empty: unknown
  std::string data_dir;              ///< where the gateway keeps its data
};

// Readers of answers. Fault::malformed: one sentence that quotes the answer.

/// A domain name with at least two labels, in normal form.
Result<std::string> read_domain(std::string_view text);
/// A mail address of ASCII characters.
Result<std::string> read_email(std::string_view text);
/// A host name or IP address, with or without port, as `to` of a [[route]] has it.
Result<std::string> read_relay(std::string_view text);
/// An https URL without user, password or fragment.
Result<std::string> read_webhook(std::string_view text);
/// Scheme and host of a webhook's URL, for files that all may read: its path and its query may hold
/// a token. "https://app.example.org/…"
std::string shown_webhook(std::string_view url);
/// A network in CIDR notation; an address is a network of one.
Result<std::string> read_network(std::string_view text);
/// An absolute path without characters that TOML or a shell would read otherwise.
Result<std::string> read_path(std::string_view text);

/// The address for reports when none is named: the postmaster of the first domain if the next hop
/// decides who exists. Empty otherwise: a webhook would have to have that address.
std::string default_email(const Answers& answers);
/// Whether the gateway sends mail to other hosts, and needs SPF, a PTR record and a DKIM key.
bool sends_mail(const Answers& answers);

}  // namespace postern::setup
