// What is to be said about things that a main.cf leaves to defaults.
#include "dialect/restrictions/postfix_import_parts.h"

namespace postern::dialect::restrictions {

std::vector<std::string> import_notes(const Parameters& parameters, bool has_indexed) {
  std::vector<std::string> out;
  if (!parameters.is_set("compatibility_level")) {
    std::string note =
        "no compatibility_level: level 0 is carried, as Postfix takes it; relay_domains is then "
        "$mydestination and the recipient list comes before the relay list";
    if (!parameters.is_set("smtpd_relay_restrictions")) {
      note +=
          ", and the relay list is empty: unless the recipient list refuses what is to be "
          "relayed, Postfix does not start; set compatibility_level = \"3.6\" after a look at the "
          "lists";
    }
    out.push_back(std::move(note));
  }
  if (!parameters.is_set("mynetworks")) {
    out.push_back(
        "no mynetworks: Postfix takes the networks of the machine's interfaces, Postern loopback "
        "alone; list the networks that may send mail out");
  }
  if (!parameters.is_set("local_recipient_maps")) {
    out.push_back(
        "no local_recipient_maps: Postfix knows the accounts of the machine (unix:passwd.byname) "
        "and $alias_maps; name a table, or nothing to take every local recipient");
  }
  if (!parameters.is_set("smtpd_client_connection_rate_limit")) {
    out.push_back(
        "no smtpd_client_connection_rate_limit: Postfix has no such limit by default, Postern "
        "takes 30 new sessions a minute from an address (limits.new_sessions_per_minute)");
  }
  if (parameters.flag("smtpd_sasl_auth_enable").value_or(false) &&
      !parameters.is_set("smtpd_tls_auth_only")) {
    out.push_back(
        "no smtpd_tls_auth_only: Postfix lets clients log in without TLS then, and so does this "
        "file (listener.auth_without_tls) where TLS is not insisted on; take that out unless old "
        "clients need it");
  }
  if (!parameters.is_set("message_size_limit")) {
    out.push_back(
        "no message_size_limit: Postfix takes 10240000 octets by default, Postern 25 MiB "
        "(limits.message_size)");
  }
  if (has_indexed) {
    out.push_back(
        "hash:, btree:, lmdb: and dbm: tables are read from their source files (the names "
        "without .db), at the paths that main.cf names; postmap is not needed");
  }
  return out;
}

}  // namespace postern::dialect::restrictions
