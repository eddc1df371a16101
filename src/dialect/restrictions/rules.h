// Compiled restriction lists, as evaluation (evaluate.h), linter (lint.h) and explanations read
// them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dialect/restrictions/diagnostic.h"
#include "dialect/restrictions/matches.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"
#include "dialect/restrictions/verification.h"
#include "policy/answers.h"
#include "policy/dns_list.h"
#include "policy/questions/servers.h"
#include "smtp/reply.h"

namespace postern::dialect::restrictions {

/// The lists, in the order of the dialogue.
enum class ListKind : std::uint8_t {
  client,
  helo,
  sender,
  relay,
  recipient,
  data,
  end_of_data,
  etrn
};
/// Number of lists.
inline constexpr std::size_t list_count = 8;
std::string_view parameter_of(ListKind kind);  ///< "smtpd_client_restrictions"

/// The subject of a rule, named in replies.
enum class Subject : std::uint8_t {
  list,  ///< the subject of the list that contains it
  client,
  reverse_client,  ///< the client's name, verified or not
  helo,
  sender,
  recipient,
  data,
  end_of_data,
  etrn,
  login,        ///< the client's login
  certificate,  ///< the client's certificate
  listener,     ///< the listener that the client has connected to
};

class Context;
/// The result of a rule.
enum class RuleOutcome : std::uint8_t {
  pass,    ///< DUNNO
  permit,  ///< ends the list
  refuse,  ///< ends the evaluation; Context has the reply
  wait,    ///< an answer is missing
};

struct Rule;
/// In the order of evaluation.
using List = std::vector<Rule>;

/// A keyword.
struct Keyword {
  /// For the linter and the manual.
  enum class Class : std::uint8_t { permit, reject, check, other };
  /// Kind of argument.
  enum class Takes : std::uint8_t { nothing, zone, table, service, seconds };
  /// What is looked up in its table.
  enum class Keys : std::uint8_t {
    none,     ///< it has no table
    one,      ///< always something, which need not be an address
    address,  ///< always an address, at least
    some,     ///< possibly nothing: a name may have no servers, a client no login
  };
  /// What is certain of its answers, for the linter and the proof. Mail of strangers is that of an
  /// unknown client to a foreign destination.
  enum class Certain : std::uint8_t {
    nothing,       ///< any answer of its class
    always,        ///< it never passes
    ours,          ///< permits our clients, accounts or destinations: mail of strangers passes
    networks,      ///< the same by mynetworks
    certificates,  ///< the same by certificates
    listed,        ///< the same by a public list, unless there is no recipient to judge
    foreign,       ///< refuses mail of strangers
    by_dns,        ///< refuses or passes, and defers when DNS or a probe has no answer
    deferral,      ///< refuses for now what a later rule permits
    pass,          ///< it passes
  };
  /// How the reply code follows from code_parameter.
  enum class Code : std::uint8_t {
    as_set,
    one_hundred_less,  ///< 450 if that is no reply code, as in Postfix
  };

  std::string_view name;            ///< as written in lists
  std::string_view former;          ///< older spelling with the same meaning; "": none
  Class kind;                       ///< class
  Subject subject;                  ///< what it looks at
  Takes takes;                      ///< argument
  Keys keys;                        ///< what is looked up in its table
  Certain certain;                  ///< what is certain of its answers
  std::string_view code_parameter;  ///< parameter with the reply code of its refusals; "": none
  Code code;                        ///< how that follows from the parameter
  smtp::EnhancedCode enhanced;      ///< the first digit is that of the reply code
  /// A pure function; refusals are made by Context.
  RuleOutcome (*judge)(Context& context, const Rule& rule);
  std::string_view help;  ///< one line
  /// Whether its table may permit. If not, a value that permits is an error of the configuration:
  /// what it looks at is chosen by others.
  bool may_permit = true;
};
/// All keywords.
std::span<const Keyword> keywords();
/// The reply code of a keyword's refusals if its code_parameter has this value.
std::uint16_t code_for(const Keyword& keyword, std::uint16_t value);
/// Whether a list can have the keyword's subject, with the default smtpd_delay_reject = yes:
/// client, HELO and sender lists then run at RCPT. Otherwise the keyword is skipped.
bool can_act_in(const Keyword& keyword, ListKind list);
/// By either spelling, case-insensitive; null if there is none.
const Keyword* find_keyword(std::string_view word);

/// The action for a key in an access table.
struct Action {
  /// Kind of action.
  enum class Kind : std::uint8_t {
    permit,
    pass,
    refuse,
    defer_if_permit,
    defer_if_reject,
    discard,
    hold,
    note,   ///< passes and is logged: WARN, INFO, actions_not_carried (remarks.h)
    rules,  ///< keywords, evaluated in place
    invalid,
  };
  Kind kind = Kind::pass;                      ///< what to do
  std::uint16_t code = 0;                      ///< of the reply, if there is one
  std::optional<smtp::EnhancedCode> enhanced;  ///< as in the table; nullopt: none
  std::string text;                            ///< of the reply; may be empty
  std::shared_ptr<const List> list;            ///< for Kind::rules
};

/// Compiled values of a table, by their text. Other values are compiled when they are found.
using Actions = std::unordered_map<std::string, Action>;

/// The fingerprints of a certificate that a rule looks up.
enum class Print : std::uint8_t { certificate, key };

/// A rule of a list.
struct Rule {
  const Keyword* keyword = nullptr;        ///< null: unknown or incomplete, see `trouble`
  bool warn_only = false;                  ///< after warn_if_reject
  std::string words;                       ///< as written: "reject_rbl_client bl.example.net"
  std::string origin;                      ///< "smtpd_client_restrictions:3", counted from 1
  Place place;                             ///< in the user's text
  std::uint16_t code = 0;                  ///< reply code of refusals
  std::shared_ptr<const Table> table;      ///< for Takes::table, else null
  std::shared_ptr<const Actions> actions;  ///< of the table; null: not compiled
  std::optional<policy::DnsList> zone;     ///< for Takes::zone
  std::chrono::seconds time{0};            ///< for Takes::seconds
  /// Of check_ccert_access, in the order in which they are looked up.
  std::vector<Print> prints = {Print::certificate, Print::key};
  std::string service;                        ///< for Takes::service: "inet:127.0.0.1:10023"
  std::string policy_context;                 ///< attribute policy_context for the service
  std::optional<std::string> default_action;  ///< of this service only, as written
  std::shared_ptr<const Action>
      service_trouble;  ///< default_action compiled; null: that of the policy
  /// A restriction class, owned by the policy; its rules are evaluated in place.
  const List* list = nullptr;
  std::string trouble;  ///< for a rule without keyword: what is wrong
};

/// How mail for a domain is handled (docs/restriction-lists.md, "Destinations").
enum class DomainClass : std::uint8_t {
  local,
  virtual_alias,
  virtual_mailbox,
  relay,
  foreign,
  unknown,  ///< a lookup failed, or another program must be asked first
};

/// Whether mail for the domain is accepted here: every class except foreign and unknown.
constexpr bool is_ours(DomainClass its_class) {
  return its_class != DomainClass::foreign && its_class != DomainClass::unknown;
}

/// A compiled configuration. Immutable; shared by all sessions. Members have the names of their
/// parameters.
struct ListPolicy {
  std::array<List, list_count> lists;  ///< by ListKind
  std::map<std::string, std::shared_ptr<const List>, std::less<>>
      classes;  ///< restriction classes by name

  Networks mynetworks;              ///< parameter of this name
  Domains mydestination;            ///< parameter of this name
  Domains relay_domains;            ///< parameter of this name
  Domains fast_flush_domains;       ///< domains whose queue ETRN may start
  Domains virtual_alias_domains;    ///< parameter of this name
  Domains virtual_mailbox_domains;  ///< parameter of this name
  Maps local_recipient_maps;        ///< parameter of this name
  Maps relay_recipient_maps;        ///< parameter of this name
  Maps virtual_alias_maps;          ///< parameter of this name
  Maps virtual_mailbox_maps;        ///< parameter of this name
  Maps rbl_reply_maps;              ///< parameter of this name
  Maps sender_login_maps;           ///< smtpd_sender_login_maps: who may use a sender's address
  Networks mx_backup_networks;      ///< permit_mx_backup_networks
  Maps relay_clientcerts;           ///< fingerprints of certificates that may relay
  Maps reject_footer_maps;          ///< smtpd_reject_footer_maps
  Maps reject_filter_maps;          ///< smtpd_reject_filter_maps: replies by those they replace
  bool limits_mx_backup = false;    ///< permit_mx_backup_networks is not empty
  List maps_rbl;                    ///< reject_maps_rbl: a rule for each zone of maps_rbl_domains

  std::string myhostname;              ///< parameter of this name
  std::string myorigin;                ///< parameter of this name
  std::string mydomain;                ///< parameter of this name
  std::string compatibility_level;     ///< parameter of this name
  std::string bounce_sender;           ///< double_bounce_sender, the local part
  std::string reject_footer;           ///< smtpd_reject_footer
  std::string recipient_delimiter;     ///< parameter of this name
  std::string null_access_lookup_key;  ///< "<>"
  std::string default_rbl_reply;       ///< parameter of this name
  bool client_names = true;            ///< smtpd_peername_lookup; if not, every client is "unknown"
  bool judge_vrfy = true;              ///< disable_vrfy_command = no
  bool delay_reject = true;            ///< smtpd_delay_reject
  bool helo_required = true;           ///< smtpd_helo_required
  bool relay_first = true;             ///< smtpd_relay_before_recipient_restrictions
  bool soft_bounce = false;            ///< parameter of this name
  bool sasl = true;                    ///< smtpd_sasl_auth_enable
  bool reject_unlisted_recipient = true;  ///< smtpd_reject_unlisted_recipient
  bool reject_unlisted_sender = false;    ///< smtpd_reject_unlisted_sender
  bool access_parents_by_name = true;     ///< smtpd_access_maps in parent_domain_matches_subdomains
  bool allow_untrusted_routing = false;   ///< parameter of this name
  bool append_dot_mydomain = false;       ///< parameter of this name
  bool strict_envelopes = false;          ///< strict_rfc821_envelopes
  bool owner_request_special = true;      ///< parameter of this name
  bool swap_bangpath = true;              ///< parameter of this name
  bool allow_percent_hack = true;         ///< parameter of this name
  bool defer_unknown_address = false;     ///< unknown_address_tempfail_action = defer
  bool defer_unknown_helo = false;        ///< unknown_helo_hostname_tempfail_action = defer
  std::uint16_t access_reject_code = 554;            ///< access_map_reject_code
  std::uint16_t access_defer_code = 450;             ///< access_map_defer_code
  std::uint16_t unknown_local_code = 550;            ///< unknown_local_recipient_reject_code
  std::uint16_t unknown_relay_code = 550;            ///< unknown_relay_recipient_reject_code
  std::uint16_t unknown_virtual_alias_code = 550;    ///< unknown_virtual_alias_reject_code
  std::uint16_t unknown_virtual_mailbox_code = 550;  ///< unknown_virtual_mailbox_reject_code
  /// Values of all keywords' code parameters, for rules in tables.
  std::map<std::string_view, std::uint16_t> codes;
  Verification verification;      ///< what verifies addresses, and what it answers
  Action policy_service_trouble;  ///< smtpd_policy_service_default_action

  /// By name, for the gatherer that asks them.
  std::map<std::string, std::shared_ptr<const RemoteTable>, std::less<>> remote_tables;

  /// From inet_interfaces and proxy_interfaces. `all` is loopback and sets `own_everywhere`.
  std::vector<IpAddress> own_addresses;
  bool own_everywhere = false;  ///< the address that the client has connected to is ours, too
  policy::questions::Families families;  ///< inet_protocols: whose addresses of servers count

  /// The longest time of a `sleep` in the lists and in tables that can be read; 0: none.
  std::chrono::seconds longest_sleep{0};

  /// The keywords of rules in the lists and in tables that can be read.
  std::set<const Keyword*> used;

  bool quotes = true;  ///< TableSources::quotes

  /// Whether an address is ours. `reached`: the address that the client has connected to.
  bool is_own(const IpAddress& address, const IpAddress& reached) const;
  /// Whether an address with this local part exists in every local domain.
  bool is_own_mailbox(std::string_view local) const;
  /// Where the extension of a local part begins, with its delimiter; npos: it has none.
  std::size_t extension_at(std::string_view local) const;
  /// What completes a domain of one label; "": nothing does.
  std::string_view appended_domain() const {
    return append_dot_mydomain ? std::string_view(mydomain) : std::string_view();
  }
  /// The lists of domains that this server takes mail for.
  std::array<const Domains*, 4> lists_of_domains() const {
    return {&mydestination, &relay_domains, &virtual_alias_domains, &virtual_mailbox_domains};
  }
  /// Whether messages may quote the table's contents.
  bool may_quote(const Table& table) const;
  /// A list by kind.
  const List& list(ListKind kind) const { return lists[static_cast<std::size_t>(kind)]; }
  /// The class of a domain. `replies`: as for Table::find(). `reached`: as for is_own(), for
  /// address literals.
  DomainClass domain_class(std::string_view domain, policy::Replies* replies = nullptr,
                           const IpAddress& reached = IpAddress::unknown()) const;
};

/// Compiles a value of an access table. Keyword lists in it may use the policy's classes, but no
/// tables.
Action parse_action(std::string_view value, const ListPolicy& policy);

/// How compile() treats errors that Postfix only notices at run time.
enum class Errors : std::uint8_t {
  refuse,  ///< as errors of the configuration
  defer,   ///< as warnings: the rule replies 451 4.3.5, as in Postfix
};

/// The result of compile().
struct Compiled {
  std::shared_ptr<const ListPolicy> policy;  ///< null if there are errors
  std::shared_ptr<const ListPolicy> draft;   ///< also with errors, for the linter only
  Diagnostics diagnostics;                   ///< errors, warnings and notes
};
/// Compiles the parameters. Opens the tables that they refer to; blocks meanwhile.
Compiled compile(const Parameters& parameters, const TableSources& sources,
                 Errors errors = Errors::refuse);

}  // namespace postern::dialect::restrictions
