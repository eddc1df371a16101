#include "smtp/codes.h"

namespace postern::smtp {

namespace {

constexpr EnhancedCode none{};

constexpr CodeMeaning codes[] = {
    {214, {2, 0, 0}, "HELP: where to read more", "RFC 5321 §4.1.1.8"},
    {220, none, "the greeting", "RFC 5321 §4.3.1"},
    {220, {2, 0, 0}, "STARTTLS: TLS may begin", "RFC 3207 §4"},
    {221, {2, 0, 0}, "QUIT: the connection is closed", "RFC 5321 §4.1.1.10"},
    {235, {2, 7, 0}, "authenticated", "RFC 4954 §6"},
    {250, none, "the answer to EHLO, HELO or ETRN", "RFC 5321 §4.1.1.1, RFC 1985 §5"},
    {250,
     {2, 0, 0},
     "done; after BDAT: the chunk arrived; after a message: it is accepted",
     "RFC 5321 §4.2.5, RFC 3030 §2"},
    {250, {2, 1, 0}, "the sender is accepted", "RFC 3463 §3.2"},
    {250, {2, 1, 5}, "the recipient is accepted", "RFC 3463 §3.2"},
    {252, {2, 0, 0}, "VRFY: the address is not verified", "RFC 5321 §3.5.3"},
    {252, {2, 1, 5}, "VRFY: delivery to the address would be attempted", "RFC 5321 §3.5.3"},
    {252, {2, 5, 0}, "VRFY: the address is not verified", "RFC 5321 §3.5.3"},
    {334, none, "AUTH: a challenge", "RFC 4954 §4"},
    {354, none, "DATA: the client may send the message", "RFC 5321 §4.1.1.4"},
    {421, {4, 3, 0}, "a local problem; the connection is closed", "RFC 5321 §3.8"},
    {421,
     {4, 3, 2},
     "too many sessions, or the gateway is stopping; the connection is closed",
     "RFC 3463 §3.4"},
    {421,
     {4, 4, 2},
     "the client sent nothing for too long; the connection is closed",
     "RFC 5321 §4.5.3.2"},
    {421,
     {4, 7, 0},
     "too many errors or too much traffic; the connection is closed",
     "RFC 5321 §3.8"},
    {450, {4, 1, 1}, "whether the recipient exists is not known for now", "RFC 3463 §3.2"},
    {450, {4, 1, 2}, "the recipient's domain cannot be looked up now", "RFC 3463 §3.2"},
    {450, {4, 1, 7}, "whether the sender exists is not known for now", "RFC 3463 §3.2"},
    {450, {4, 1, 8}, "the sender's domain cannot be looked up now", "RFC 3463 §3.2"},
    {450,
     {4, 2, 1},
     "the webhook is switched off for now, or its rate limit is reached",
     "RFC 3463 §3.3"},
    {450, {4, 3, 0}, "a local problem", "RFC 3463 §3.4"},
    {450, {4, 3, 2}, "the client or sender has sent too much for now", "RFC 3463 §3.4"},
    {450, {4, 4, 1}, "the next host does not answer", "RFC 3463 §3.5"},
    {450, {4, 4, 4}, "the domain's mail hosts cannot be found now", "RFC 3463 §3.5"},
    {450, {4, 7, 0}, "refused for now by a rule", "RFC 3463 §3.8"},
    {450, {4, 7, 1}, "refused for now by a rule", "RFC 3463 §3.8"},
    {450, {4, 7, 25}, "the client's name cannot be verified now", "RFC 7372 §3.3"},
    {451,
     {4, 3, 0},
     "a local problem: a disk, a table, a script, a server that is asked",
     "RFC 3463 §3.4"},
    {451, {4, 3, 5}, "the configuration cannot answer this", "RFC 3463 §3.4"},
    {451, {4, 4, 3}, "a DNS look-up failed", "RFC 3463 §3.5"},
    {451, {4, 4, 4}, "no route to the next host can be found now", "RFC 3463 §3.5"},
    {451, {4, 7, 0}, "refused for now by a rule", "RFC 3463 §3.8"},
    {451, {4, 7, 1}, "refused for now by a rule", "RFC 3463 §3.8"},
    {451, {4, 7, 5}, "TLS or a signature's key cannot be verified now", "RFC 3463 §3.8"},
    {451, {4, 7, 24}, "SPF cannot be evaluated now", "RFC 7208 §8.6, RFC 7372 §3.2"},
    {451, {4, 7, 26}, "DMARC cannot be evaluated now", "RFC 7489 §6.6.3, RFC 7372 §3.4"},
    {452, {4, 2, 2}, "the inbox, or the postmaster's mailbox, is full", "RFC 3463 §3.3"},
    {452, {4, 3, 1}, "no room: memory, disk, queue or all inboxes together", "RFC 5321 §4.2.4"},
    {452, {4, 5, 3}, "too many recipients in one transaction", "RFC 5321 §4.5.3.1.10"},
    {454, {4, 7, 0}, "authentication, or TLS, is not available now", "RFC 4954 §6, RFC 3207 §4"},
    {454, {4, 7, 1}, "relaying is refused for now", "RFC 3463 §3.8"},
    {458, none, "ETRN: the queue cannot be run now", "RFC 1985 §5.3"},
    {459, none, "ETRN: the domain's queue is not run on request", "RFC 1985 §5.3"},
    {500, {5, 2, 3}, "an AUTH line is too long", "RFC 4954 §4"},
    {500, {5, 5, 1}, "an unknown command", "RFC 5321 §4.2.4"},
    {500, {5, 5, 2}, "a line that is not a command, or too long", "RFC 5321 §4.5.3.1.4"},
    {500, {5, 5, 6}, "an answer to a challenge is too long", "RFC 4954 §6"},
    {501, {5, 1, 3}, "a recipient's address is not valid", "RFC 3463 §3.2"},
    {501, {5, 1, 7}, "the sender's address is not valid", "RFC 3463 §3.2"},
    {501, {5, 5, 2}, "the syntax of the command is wrong", "RFC 5321 §4.2.4"},
    {501, {5, 5, 4}, "a parameter is wrong", "RFC 5321 §4.2.4"},
    {501, {5, 7, 0}, "AUTH was cancelled by the client", "RFC 4954 §4"},
    {502, {5, 5, 1}, "the command is not offered", "RFC 5321 §4.2.4"},
    {503, none, "ETRN before EHLO", "RFC 1985 §5"},
    {503, {5, 5, 0}, "out of turn", "RFC 5321 §4.1.4"},
    {503, {5, 5, 1}, "out of turn: another command has to come first", "RFC 5321 §4.1.4"},
    {503, {5, 7, 0}, "not now: authenticated already, or inside a transaction", "RFC 4954 §4"},
    {504, {5, 5, 2}, "a name is not fully qualified", "RFC 5321 §4.1.1.1"},
    {504, {5, 5, 4}, "a parameter's value is not supported", "RFC 5321 §4.2.4"},
    {530, {5, 7, 0}, "authentication is required", "RFC 4954 §6"},
    {530, {5, 7, 10}, "TLS must be started first", "RFC 3207 §4, RFC 5248"},
    {535, {5, 7, 8}, "user name or password is wrong", "RFC 4954 §6"},
    {538, {5, 7, 11}, "the mechanism needs TLS", "RFC 4954 §6"},
    {550, {5, 1, 0}, "the address is refused by a rule", "RFC 3463 §3.2"},
    {550, {5, 1, 1}, "no such recipient here", "RFC 3463 §3.2"},
    {550, {5, 1, 2}, "the recipient's domain cannot receive mail", "RFC 3463 §3.2"},
    {550, {5, 2, 1}, "the recipient does not accept mail", "RFC 3463 §3.3"},
    {550, {5, 4, 4}, "there is no route to the recipient's domain", "RFC 3463 §3.5"},
    {550, {5, 4, 6}, "mail would come back to this host", "RFC 3463 §3.5"},
    {550,
     {5, 5, 2},
     "the name in HELO is not valid; the message has a bare CR or LF, or NUL",
     "RFC 5321 §4.1.4, §2.3.8"},
    {550, {5, 5, 3}, "several recipients where one is allowed", "RFC 3463 §3.6"},
    {550, {5, 6, 0}, "the syntax of the message is wrong", "RFC 3463 §3.7"},
    {550, {5, 6, 7}, "the address needs SMTPUTF8", "RFC 6531 §3.5"},
    {550, {5, 7, 0}, "refused by a rule", "RFC 3463 §3.8"},
    {550, {5, 7, 1}, "refused by a rule; relaying is not permitted", "RFC 3463 §3.8"},
    {550, {5, 7, 20}, "no DKIM signature passes", "RFC 7372 §3.1"},
    {550, {5, 7, 21}, "no DKIM signature that passes is acceptable", "RFC 7372 §3.1"},
    {550, {5, 7, 22}, "no DKIM signature of the author passes", "RFC 7372 §3.1"},
    {550, {5, 7, 23}, "SPF fails", "RFC 7372 §3.2"},
    {550, {5, 7, 24}, "SPF cannot be evaluated: its record has an error", "RFC 7372 §3.2"},
    {550, {5, 7, 25}, "the client's name cannot be verified", "RFC 7372 §3.3"},
    {550, {5, 7, 26}, "several checks of authenticity fail (DMARC)", "RFC 7372 §3.4"},
    {550, {5, 7, 27}, "the sender's domain does not accept mail (null MX)", "RFC 7505 §4.2"},
    {552, {5, 2, 3}, "the message is larger than the recipient accepts", "RFC 3463 §3.3"},
    {552, {5, 3, 4}, "the message is larger than the gateway accepts", "RFC 1870 §6.1"},
    {552, {5, 6, 0}, "the header is larger than the gateway accepts", "RFC 5321 §4.5.3.1"},
    {553, {5, 1, 2}, "the recipient's domain is not valid", "RFC 3463 §3.2"},
    {553, {5, 1, 3}, "the recipient's address is not valid", "RFC 3463 §3.2"},
    {553, {5, 1, 7}, "the sender's address is not valid", "RFC 3463 §3.2"},
    {553, {5, 6, 7}, "the address needs SMTPUTF8", "RFC 6531 §3.5"},
    {553, {5, 7, 1}, "the client may not use the sender's address", "RFC 3463 §3.8"},
    {554, {5, 4, 6}, "mail loop: too many Received fields", "RFC 5321 §6.3"},
    {554, {5, 5, 0}, "the client sends commands out of turn", "RFC 5321 §4.3.1"},
    {554, {5, 5, 1}, "no valid recipients", "RFC 5321 §4.1.1.4"},
    {554, {5, 6, 0}, "the message cannot be accepted as it is", "RFC 3463 §3.7"},
    {554, {5, 7, 0}, "refused by a rule", "RFC 3463 §3.8"},
    {554, {5, 7, 1}, "refused by a rule", "RFC 3463 §3.8"},
    {555, {5, 5, 4}, "a parameter of MAIL or RCPT is not known", "RFC 5321 §4.1.1.11"},
    {556, {5, 1, 10}, "the recipient's domain does not accept mail (null MX)", "RFC 7505 §4.1"},
};

constexpr std::uint16_t others[] = {401, 403, 404, 453, 455, 456, 521, 551};

}  // namespace

std::string codes_manual() {
  std::string out =
      "# Reply codes\n\nEvery reply code that Postern gives by itself, with its enhanced status "
      "code "
      "(RFC 3463); `postern help 550` shows those\nof one code. Scripts, tables of restriction "
      "lists "
      "and webhooks may choose others.\n\n| code | enhanced | given when | defined in "
      "|\n|---|---|---|---|\n";
  for (const CodeMeaning& one : codes) {
    out += "| " + std::to_string(one.code) + " | ";
    out += one.enhanced.present() ? one.enhanced.to_string() : "";
    out += " | " + std::string(one.meaning) + " | " + std::string(one.source) + " |\n";
  }
  return out;
}

std::span<const CodeMeaning> known_codes() { return codes; }
std::span<const std::uint16_t> other_codes() { return others; }

}  // namespace postern::smtp
