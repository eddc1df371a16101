// Compiled restriction lists: data that the evaluation walks through (evaluate.h), the linter reads
// (lint.h) and an explanation prints.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dialect/restrictions/diagnostic.h"
#include "dialect/restrictions/matches.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"
#include "policy/answers.h"
#include "smtp/reply.h"

namespace postern::dialect::restrictions {

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
inline constexpr std::size_t list_count = 8;
std::string_view parameter_of(ListKind kind);  ///< "smtpd_client_restrictions"

/// What a rule looks at, as replies name it.
enum class Subject : std::uint8_t {
  list,  ///< whatever the list it stands in is about
  client,
  helo,
  sender,
  recipient,
  data,
  end_of_data,
  etrn
};

class Context;
enum class Outcome : std::uint8_t {
  pass,    ///< DUNNO
  permit,  ///< ends its list
  refuse,  ///< ends the decision; Context has the reply
  wait,    ///< something has to be found out first
};

struct Rule;
using List = std::vector<Rule>;

/// A word of the language. `judge` is pure: it looks at what is there.
struct Keyword {
  enum class Class : std::uint8_t { permit, reject, check, other };
  enum class Takes : std::uint8_t { nothing, zone, table, service };

  std::string_view name;
  std::string_view former;  ///< the old spelling, which works identically; "" without
  Class kind;
  Subject subject;
  Takes takes;
  std::string_view code_parameter;  ///< whose value is the reply code of a refusal; "" without
  smtp::EnhancedCode enhanced;      ///< its first digit follows the code
  Outcome (*judge)(Context& context, const Rule& rule);
  std::string_view help;
};
std::span<const Keyword> keywords();
/// The reply code of a keyword's refusals when its code_parameter has that value.
std::uint16_t code_for(const Keyword& keyword, std::uint16_t value);
/// Whether a list can know what the word looks at, with smtpd_delay_reject = yes as it is by
/// default: client, HELO and sender lists then run at RCPT. Elsewhere the word is skipped.
bool can_act_in(const Keyword& keyword, ListKind list);
/// By either spelling, in any case of letters; null without.
const Keyword* find_keyword(std::string_view word);
/// A keyword of Postfix that Postern does not carry (tier C of the reference).
bool is_known_elsewhere(std::string_view word);
/// All of these, for the manual.
std::span<const std::string_view> words_not_carried();

/// What an access table says about a key.
struct Action {
  enum class Kind : std::uint8_t {
    permit,
    pass,
    refuse,
    defer_if_permit,
    defer_if_reject,
    discard,
    hold,
    note,   ///< says nothing, and the log tells of it: WARN, INFO, actions_not_carried (remarks.h)
    rules,  ///< keywords, evaluated in place
    invalid,
  };
  Kind kind = Kind::pass;
  std::uint16_t code = 0;
  std::optional<smtp::EnhancedCode> enhanced;  ///< as the table gave it
  std::string text;
  std::shared_ptr<const List> list;
};

/// Values of a table compiled ahead; those that come up later are compiled then.
using Actions = std::unordered_map<std::string, Action>;

struct Rule {
  const Keyword* keyword = nullptr;  ///< null: a word nobody knows, or one that lacks something
  bool warn_only = false;            ///< behind warn_if_reject
  std::string words;                 ///< as written: "reject_rbl_client bl.example.net"
  std::string origin;                ///< "smtpd_client_restrictions:3", counted from 1
  Place place;
  std::uint16_t code = 0;
  std::shared_ptr<const Table> table;
  std::shared_ptr<const Actions> actions;
  std::optional<policy::DnsList> zone;
  std::string service;                            ///< "inet:127.0.0.1:10023"
  std::string policy_context;                     ///< what the service is told
  std::optional<std::string> default_action;      ///< of this service alone, as written
  std::shared_ptr<const Action> service_trouble;  ///< the same, compiled; null: the policy's
  /// A restriction class of the policy, which owns it: its rules are evaluated in place.
  const List* list = nullptr;
  std::string trouble;  ///< of a rule without keyword
};

/// Who gets mail of a domain (restrictions reference §7).
enum class DomainClass : std::uint8_t {
  local,
  virtual_alias,
  virtual_mailbox,
  relay,
  foreign,
  unknown,  ///< a look-up failed, or another program has to be asked first
};

constexpr bool is_ours(DomainClass its_class) {
  return its_class != DomainClass::foreign && its_class != DomainClass::unknown;
}

/// Everything compiled. Immutable; shared by all sessions.
struct Policy {
  std::array<List, list_count> lists;
  std::map<std::string, std::shared_ptr<const List>, std::less<>> classes;

  Networks mynetworks;
  Domains mydestination;
  Domains relay_domains;
  Domains fast_flush_domains;  ///< whose queue ETRN may run
  Domains virtual_alias_domains;
  Domains virtual_mailbox_domains;
  Maps local_recipient_maps;
  Maps relay_recipient_maps;
  Maps virtual_alias_maps;
  Maps virtual_mailbox_maps;
  Maps rbl_reply_maps;

  std::string myhostname;
  std::string myorigin;
  std::string recipient_delimiter;
  std::string null_access_lookup_key;  ///< "<>"
  std::string default_rbl_reply;
  bool client_names = true;  ///< smtpd_peername_lookup: without, every client is "unknown"
  bool judge_vrfy = true;    ///< disable_vrfy_command = no
  bool delay_reject = true;
  bool helo_required = true;
  bool relay_first = true;
  bool soft_bounce = false;
  bool sasl = true;
  bool reject_unlisted_recipient = true;
  bool reject_unlisted_sender = false;
  bool access_parents_by_name = true;  ///< smtpd_access_maps in parent_domain_matches_subdomains
  bool allow_untrusted_routing = false;
  bool swap_bangpath = true;
  bool allow_percent_hack = true;
  bool defer_unknown_address = false;  ///< unknown_address_tempfail_action = defer
  bool defer_unknown_helo = false;
  std::uint16_t access_reject_code = 554;
  std::uint16_t access_defer_code = 450;
  std::uint16_t unknown_local_code = 550;
  std::uint16_t unknown_relay_code = 550;
  std::uint16_t unknown_virtual_alias_code = 550;
  std::uint16_t unknown_virtual_mailbox_code = 550;
  /// The code parameters of all keywords, for rules that tables name.
  std::map<std::string_view, std::uint16_t> codes;
  Action policy_service_trouble;  ///< smtpd_policy_service_default_action

  /// By their names; whoever gathers evidence asks them.
  std::map<std::string, std::shared_ptr<const RemoteTable>, std::less<>> remote_tables;

  /// Of inet_interfaces and proxy_interfaces. `all` is loopback here, and `own_everywhere`.
  std::vector<IpAddress> own_addresses;
  bool own_everywhere = false;  ///< the address that a client has connected to is our own, too

  bool quotes = true;  ///< TableSources::quotes

  /// `reached`: the address that the client has connected to.
  bool is_own(const IpAddress& address, const IpAddress& reached) const;
  /// Whether messages may show what the table holds.
  bool may_quote(const Table& table) const;
  const List& list(ListKind kind) const { return lists[static_cast<std::size_t>(kind)]; }
  /// `replies`: as Table::find() has it. `reached`: as of is_own(), for address literals.
  DomainClass domain_class(std::string_view domain, policy::Replies* replies = nullptr,
                           const IpAddress& reached = IpAddress::unknown()) const;
};

/// What an access table's value means. `classes` for keyword lists in it; tables are not allowed
/// there.
Action parse_action(std::string_view value, const Policy& policy);

/// How compile() takes what Postfix would only notice while it answers.
enum class Errors : std::uint8_t {
  refuse,  ///< an error of the configuration
  defer,   ///< a warning; the rule answers 451 4.3.5, as Postfix does
};

struct Compiled {
  std::shared_ptr<const Policy> policy;  ///< null when there are errors
  std::shared_ptr<const Policy> draft;   ///< with errors too, for the linter alone
  Diagnostics diagnostics;
};
Compiled compile(const Parameters& parameters, const TableSources& sources,
                 Errors errors = Errors::refuse);

}  // namespace postern::dialect::restrictions
