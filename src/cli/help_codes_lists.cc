// Pages about error codes of restriction lists; the others are in help_codes.cc.
#include "cli/help.h"

namespace postern::app {

namespace {

constexpr CodePage list_code_pages[] = {
    {"R001", "unknown keyword",
     "A list holds a word that is neither a keyword nor a restriction class. Postfix notices when "
     "it reaches the rule and answers 451 to every client; here it is an error, or the same 451 "
     "with `errors = \"defer\"`.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_unauth_pipeling\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_unauth_pipelining\"\n"},
    {"R003", "a keyword without its argument",
     "Check rules take a table as type:name, rules about DNS lists a zone, policy services a "
     "server as inet:host:port or unix:/path. A table alone means a check only in the client, "
     "helo, sender, relay and recipient lists.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client bl.example.net\"\n"},
    {"R004", "a table that cannot be opened",
     "The message names the file and its first mistake. Postern reads the source text "
     "(/etc/postfix/access), not the output of postmap.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access texthash:/nonexistent\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{ {198.51.100.7 = REJECT} }\"\n"},
    {"R005", "not a DNS list",
     "A DNS list is a zone, or a zone and the answers that count: four numbers or [a;b..c] with "
     "dots between them.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client bl.example.net=127.0.0.[9..2]\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client bl.example.net=127.0.0.[2..9]\"\n"},
    {"R006", "an element that cannot be read",
     "In mynetworks: an address, a network without bits set after its prefix, an IPv6 network in "
     "brackets, a table, a host name. With one bad element Postfix answers 451 to every client. "
     "Write "
     "what was meant: to leave an element out can let more in, if it is an exception (`!`) or the "
     "only table of the recipients that exist.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"10.1.2.3/8\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"10.0.0.0/8\"\n"},
    {"R007", "an undefined restriction class",
     "Each name in smtpd_restriction_classes needs a setting of that name, which must not lead "
     "back to itself. Classes nest 100 deep at most, and a list with its classes has at most "
     "100,000 rules.",
     "[restrictions]\nrelay = \"permit_mynetworks, "
     "reject_unauth_destination\"\nsmtpd_restriction_classes = \"strict\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, "
     "reject_unauth_destination\"\nsmtpd_restriction_classes = \"strict\"\nstrict = "
     "\"reject_non_fqdn_sender\"\nsender = \"strict\"\n"},
    {"R008", "not a value of this parameter",
     "Switches take yes or no, reply codes a number from 400 to 599.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsmtpd_delay_reject "
     "= \"maybe\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsmtpd_delay_reject "
     "= \"yes\"\n"},
    {"R009", "a placeholder was not replaced",
     "In a manual, a word in angle brackets is to be replaced with your own value.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client <blacklist>\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client bl.example.net\"\n"},
    {"R010", "malformed braces or $",
     "Braces group a word and have to be closed; a parameter is $name, ${name} or $(name), and a "
     "dollar sign $$.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access { inline:{ {x = OK} }\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{ {x = REJECT} }\"\n"},
    {"R011", "an action that cannot be read",
     "The action of a table row is one of Postfix's actions, or a list of keywords and classes, "
     "none of which may need a table.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{ {x = PERMIT_ME} }\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{ {x = REJECT} }\"\n"},
    {"R012", "a $name that is not defined",
     "An undefined name expands to nothing, and its rules would silently be missing. In a list of "
     "rules this is an error, elsewhere a warning. ${name?text} and ${name:text} test whether a "
     "parameter is "
     "defined, and are allowed.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"$common_rules, permit\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\ncommon_rules = "
     "\"reject_non_fqdn_sender\"\nsender = \"$common_rules, permit\"\n"},
    {"R013", "known to Postfix, but not done here",
     "A warning: a table says REDIRECT, FILTER, BCC or PREPEND, which do nothing here: mail goes "
     "on as if the row said DUNNO. Or a policy service has attributes that have no effect here: "
     "Postern asks the server once, and waits authentication.decide_within for the answer.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrecipient = "
     "\"check_recipient_access inline:{{a@x.example = BCC b@x.example}}\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrecipient = "
     "\"check_recipient_access inline:{{a@x.example = REJECT gone}}\"\n"},
    {"R101", "requests that no rule of the list decides",
     "A note: at the end of a list such requests are permitted, as in Postfix. End the list with "
     "permit if that is intended, else with reject. With `require_complete_lists = true` it is an "
     "error.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"
     "require_complete_lists = true\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination, permit\"\n"
     "require_complete_lists = true\n"},
    {"R102", "never evaluated", "A warning: a rule before this one decides every request.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = \"permit, "
     "reject_non_fqdn_sender\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_non_fqdn_sender, permit\"\n"},
    {"R103", "the same rule again", "A warning: an equal rule before it has the same result.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_non_fqdn_sender, reject_non_fqdn_sender\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_non_fqdn_sender\"\n"},
    {"R104", "what the rule looks at is not known yet",
     "A warning: with smtpd_delay_reject = no the client list runs before HELO and the HELO list "
     "before MAIL. What this rule looks at is not known yet, so it is always skipped.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsmtpd_delay_reject "
     "= \"no\"\nclient = \"reject_non_fqdn_sender\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_non_fqdn_sender\"\n"},
    {"R105", "the list gives every client the same answer",
     "A note: the same rule answers every client; the rules before it cannot change its answer.",
     "",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_non_fqdn_sender, permit\"\n"},
    {"R106", "a permit before the last permit", "A note: it makes no difference.", "",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"permit_mynetworks, reject_non_fqdn_sender, permit\"\n"},
    {"R107", "rows that are hidden",
     "A warning: the first row that matches counts, and the lines named never do: their key occurs "
     "earlier, or their network is within an earlier one.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access cidr:{ {10.0.0.0/8 REJECT} {10.1.1.1 DUNNO} }\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access cidr:{ {10.1.1.1 DUNNO} {10.0.0.0/8 REJECT} }\"\n"},
    {"R108", "a table that never decides", "A note: all it can say is DUNNO.", "",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"check_sender_access static:REJECT\"\n"},
    {"R110", "an open relay",
     "These lists let any client send mail through this server to any destination. `postern check` "
     "prints an SMTP dialogue that succeeds, and which rule lets it through: put "
     "reject_unauth_destination before that rule. Spammers find such a server within hours; then "
     "blocklists list it and other servers refuse its mail. A server that nobody outside can "
     "reach, and "
     "that shall take everything, as for tests, has `i_know_this_is_an_open_relay = true`.",
     "[restrictions]\nrelay = \"permit\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"},
    {"R111", "some unknown clients may relay",
     "A warning: this rule can permit mail to destinations that are not ours, for the recipients "
     "or clients that its table lists, or when a policy server says so. After "
     "reject_unauth_destination it cannot.",
     "[restrictions]\nrelay = \"\"\"check_recipient_access inline:{ {foreign.example = OK} },\n"
     "  reject_unauth_destination\"\"\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"},
    {"R112", "mail is accepted and discarded",
     "A warning: after DISCARD no list is evaluated, so every later recipient is accepted, and the "
     "message is not delivered. REJECT tells the sender.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access static:DISCARD\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access static:REJECT\"\n"},
    {"R113", "Postfix would not serve with these lists",
     "Neither the relay nor the recipient list refuses foreign destinations by its own rules. This "
     "is an error even if the proof finds that another rule refuses them.",
     "[restrictions]\nrelay = \"permit_mynetworks\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"},
    {"R120", "mynetworks includes the Internet",
     "A warning: clients in such a network may send anywhere where permit_mynetworks is used.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"0.0.0.0/0\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"192.0.2.0/24\"\n"},
    {"R121", "an exception that comes too late",
     "A warning: the first element that matches counts, so an exception must come before the "
     "element that it limits.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"192.0.2.0/24, !192.0.2.7\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmynetworks = "
     "\"!192.0.2.7, 192.0.2.0/24\"\n"},
    {"R122", "a public suffix in relay_domains",
     "A warning: a name in relay_domains includes its subdomains, so mail to every domain "
     "registered below this suffix is relayed.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrelay_domains = "
     "\"co.uk\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrelay_domains = "
     "\"example.co.uk\"\n"
     "[[route]]\nmatch = [\"example.co.uk\"]\nto = [\"mail.example.co.uk\"]\n"},
    {"R123", "not a domain name",
     "A warning: the word matches nothing. Often it is a comment: # begins one only at the start "
     "of a main.cf line.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrelay_domains = "
     "\"example.net, #old\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrelay_domains = "
     "\"example.net\"\n"
     "[[route]]\nmatch = [\"example.net\"]\nto = [\"mail.example.net\"]\n"},
    {"R124", "a domain in two lists",
     "A warning: mydestination counts first, then virtual_alias_domains, virtual_mailbox_domains, "
     "relay_domains.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmydestination = "
     "\"example.net\"\nrelay_domains = \"example.com\"\nvirtual_mailbox_domains = "
     "\"example.net\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nmydestination = "
     "\"example.net\"\nvirtual_mailbox_domains = \"example.com\"\n"
     "[[route]]\nmatch = [\"example.net\", \"example.com\"]\nto = [\"mail.example.net\"]\n"},
    {"R125", "routes in addresses are trusted",
     "A warning: user%elsewhere@ours counts as ours, and the next server may send it on.",
     "[restrictions]\nrelay = \"permit_mynetworks, "
     "reject_unauth_destination\"\nallow_untrusted_routing = \"yes\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, "
     "reject_unauth_destination\"\nallow_untrusted_routing = \"no\"\n"},
    {"R126", "relaying to every domain that names this server",
     "A warning: permit_mx_backup permits every domain in whose DNS this server is a backup mail "
     "host, and anybody may put it there.",
     "[restrictions]\nrelay = \"permit_mynetworks, permit_mx_backup, "
     "reject_unauth_destination\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, "
     "reject_unauth_destination\"\nrelay_domains = \"example.net\"\n"
     "[[route]]\nmatch = [\"example.net\"]\nto = [\"mx\"]\n"},
    {"R127", "nobody owns a sender",
     "A warning: without tables in smtpd_sender_login_maps no login owns a sender, and the rule "
     "refuses all clients that have authenticated.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_sender_login_mismatch\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_sender_login_mismatch\"\nsmtpd_sender_login_maps = \"inline:{ {ann@example.net = "
     "ann} }\"\n"},
    {"R128", "unknown clients choose who is asked",
     "A warning: reject_unverified_sender asks a mail host of the domain that the client names as "
     "its sender's. No rule in front of it permits known clients or refuses bad ones, so any "
     "client can make this server ask hosts of its choice. A permit in another list ends that list "
     "only.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_unverified_sender\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_rbl_client dnsbl.example.net, "
     "reject_unverified_sender\"\n"},
    {"R129", "the sender of probes is of a foreign domain",
     "A warning: mail to address_verify_sender is accepted before the lists and not delivered, so "
     "that servers which verify their senders in turn do not refuse the probes. The address should "
     "be one of this server's.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"
     "mydestination = \"example.net\"\naddress_verify_sender = \"probe@example.com\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"
     "mydestination = \"example.net\"\naddress_verify_sender = \"probe@example.net\"\n"
     "[[route]]\nmatch = [\"example.net\"]\nto = [\"mail.example.net\"]\n"},
    {"R130", "a temporary refusal by default",
     "A note: the rule answers 4xx, so that clients retry for days. Its code parameter changes "
     "that.",
     "",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsender = "
     "\"reject_unknown_sender_domain\"\nunknown_address_reject_code = \"550\"\n"},
    {"R131", "an old name", "A note: both names work and mean the same.", "",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nhelo = "
     "\"reject_invalid_helo_hostname\"\n"},
    {"R132", "a recipient rule after DATA",
     "A warning: with several recipients there is no single one to check, and the rule is skipped.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\ndata = "
     "\"reject_unlisted_recipient\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nrecipient = "
     "\"reject_unlisted_recipient\"\n"},
    {"R133", "warn_if_reject before a permit rule", "A warning: it permits all the same.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"warn_if_reject permit_mynetworks\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"permit_mynetworks\"\n"},
    {"R134", "every refusal is temporary",
     "A warning: soft_bounce turns 5xx into 4xx, which is for tests only.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsoft_bounce = "
     "\"yes\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nsoft_bounce = "
     "\"no\"\n"},
    {"R135", "a keyword that newer versions of Postfix lack",
     "A warning: it works here, and Postfix 3.9 answers 451 4.3.5 where it stands.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_maps_rbl\"\nmaps_rbl_domains = \"bl.example.net\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"reject_rbl_client bl.example.net\"\n"},
    {"R136", "a rule about certificates that no listener asks for",
     "A warning: permit_tls_clientcerts, permit_tls_all_clientcerts and check_ccert_access pass "
     "while no listener with TLS has client_certificate = \"ask\" or \"require\".",
     "[restrictions]\nrelay = \"permit_tls_clientcerts, reject_unauth_destination\"\n"
     "relay_clientcerts = \"inline:{ AA:01=x }\"\n",
     "[[listener]]\ntls = \"starttls\"\nclient_certificate = \"ask\"\n[restrictions]\n"
     "relay = \"permit_tls_clientcerts, reject_unauth_destination\"\n"
     "relay_clientcerts = \"inline:{ AA:01=x }\"\n"},
    {"R137", "anybody can have a certificate that is trusted",
     "A warning: permit_tls_all_clientcerts permits every client with a certificate of an "
     "authority in client_ca or client_ca_directory, and these are the public ones of the system. "
     "Such a client may relay.",
     "[[listener]]\ntls = \"starttls\"\nclient_certificate = \"ask\"\n"
     "client_ca_directory = \"/etc/ssl/certs\"\n[restrictions]\n"
     "relay = \"permit_tls_all_clientcerts, reject_unauth_destination\"\n",
     "[[listener]]\ntls = \"starttls\"\nclient_certificate = \"ask\"\n[restrictions]\n"
     "relay = \"permit_tls_clientcerts, reject_unauth_destination\"\n"
     "relay_clientcerts = \"inline:{ AA:01=x }\"\n"},
    {"R138", "mail is accepted, and has no place",
     "A warning: the lists accept mail for a domain of mydestination, virtual_alias_domains, "
     "virtual_mailbox_domains or relay_domains, and no [[route]] has it, so it goes to the MX "
     "hosts "
     "of its domain. Where these are this gateway it is lost. A route of `*` has the domains of "
     "relay_domains; those of the other lists it has only if it keeps the mail (maildir), refuses "
     "it (error) or drops it (discard), since Postfix would not send their mail on. Webhooks take "
     "the mail to their addresses whatever the lists say: their domains need not be in one. With a "
     "Lua or .vsl policy, which may choose next hops, nothing is said.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"
     "virtual_mailbox_domains = \"example.net\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n"
     "virtual_mailbox_domains = \"example.net\"\n"
     "[[route]]\nmatch = [\"example.net\"]\nto = [\"mail.example.net\"]\n"},
    {"R139", "a listener that is not there",
     "A warning: check_listener_access looks the name of the listener up, and no [[listener]] has "
     "this name. The rules that are meant for it are for none.",
     "[[listener]]\nname = \"submission\"\n[restrictions]\nsmtpd_restriction_classes = "
     "\"signed_in\"\nsigned_in = \"permit_sasl_authenticated, reject\"\nrelay = "
     "\"permit_mynetworks, reject_unauth_destination\"\nclient = \"check_listener_access "
     "inline:{submision=signed_in}\"\n",
     "[[listener]]\nname = \"submission\"\n[restrictions]\nsmtpd_restriction_classes = "
     "\"signed_in\"\nsigned_in = \"permit_sasl_authenticated, reject\"\nrelay = "
     "\"permit_mynetworks, reject_unauth_destination\"\nclient = \"check_listener_access "
     "inline:{submission=signed_in}\"\n"},
    {"R140", "a row that nothing is looked up as",
     "A warning: tables with keys have one row for each name, address or part of an address. A "
     "network, a pattern in slashes and, where parent_domain_matches_subdomains has "
     "smtpd_access_maps (the default), a name that begins with a dot are in none of the look-ups.",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{.spam.example=REJECT}\"\n",
     "[restrictions]\nrelay = \"permit_mynetworks, reject_unauth_destination\"\nclient = "
     "\"check_client_access inline:{spam.example=REJECT}\"\n"},
};

}  // namespace

std::span<const CodePage> restriction_code_pages() { return list_code_pages; }

}  // namespace postern::app
