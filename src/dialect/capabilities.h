// Whether and how Postern covers the parts of other mail servers, a sentence each, for importers,
// help and documents.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::dialect {

/// A part of a mail server.
enum class Part : std::uint8_t {
  relay,
  queue,
  reports,
  logins,
  mailboxes,
  client,
  content_filters,
  milters,
  content_checks,
  copies,
  rewriting,
  sender_owners,
  probes,
  client_certificates,
  further_certificates,
  screening,
};

/// How Postern covers a part.
struct Capability {
  Part part;                  ///< which part
  std::string_view name;      ///< for people: "milters"
  bool has;                   ///< true: with the configuration keys in the sentence
  std::string_view sentence;  ///< begins in lower case, has no full stop, names its page
};

/// All parts, once each.
inline constexpr std::array capabilities{
    Capability{Part::relay, "passing mail on", true,
               "[[route]] and [relay] say where mail goes and with which TLS (docs/relay.md)"},
    Capability{Part::queue, "a queue", true,
               "[queue] says when mail is tried again and when it goes back (docs/queue.md)"},
    Capability{Part::reports, "delivery reports", true,
               "the reports are Postern's own, by RFC 3464 (docs/reports.md)"},
    Capability{Part::logins, "logins", true,
               "[[auth.source]] names a Dovecot, directory, database or file (docs/auth.md)"},
    Capability{Part::mailboxes, "mailboxes", false,
               "there are no mailboxes of users; mail goes to webhooks (docs/delivery.md), or by a "
               "[[route]] to another server or a Maildir (docs/relay.md)"},
    Capability{Part::client, "each switch of an SMTP client", false,
               "Postern's own client has no such switch; [relay] and [[route]] have its settings "
               "(docs/relay.md)"},
    Capability{Part::content_filters, "content filters", false,
               "no content filters; Lua hooks and .vsl rules see each message and may refuse it "
               "(docs/lua-hooks.md), a webhook only the mail to its own addresses"},
    Capability{Part::milters, "milters", false,
               "no milters are called; SPF, DKIM, DMARC and ARC are built in (docs/mailauth.md)"},
    Capability{Part::content_checks, "patterns over headers and bodies", false,
               "headers and bodies are not matched; Lua hooks and .vsl rules see each message and "
               "may refuse it (docs/lua-hooks.md)"},
    Capability{Part::copies, "blind copies", false,
               "no copies are made; let the webhook or a rule of .vsl make them (docs/vsl.md)"},
    Capability{
        Part::rewriting, "rewriting of addresses", false,
        "addresses are not rewritten; Lua hooks and .vsl rules may do so (docs/lua-hooks.md)"},
    Capability{Part::sender_owners, "senders that belong to logins", true,
               "smtpd_sender_login_maps and the *_sender_login_mismatch rules say who may use "
               "which sender (docs/restriction-lists.md)"},
    Capability{Part::probes, "address verification by probes", true,
               "reject_unverified_sender and reject_unverified_recipient ask the hosts to which "
               "[[route]] leads mail (docs/restriction-lists.md)"},
    Capability{Part::client_certificates, "client certificates", true,
               "listener.client_certificate asks for them, relay_clientcerts and "
               "check_ccert_access judge them (docs/restriction-lists.md)"},
    Capability{Part::further_certificates, "several certificates of one listener", false,
               "a listener has one certificate"},
    Capability{Part::screening, "postscreen", false,
               "no postscreen; listener.pregreet_wait catches early talkers, reject_rbl_client "
               "asks DNS lists"},
};

/// Capability::sentence of a part; static.
constexpr std::string_view sentence_of(Part part) {
  for (const Capability& one : capabilities) {
    if (one.part == part) return one.sentence;
  }
  return {};
}

}  // namespace postern::dialect
