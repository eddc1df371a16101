#include "dialect/restrictions/lint_checks.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

using Severity = Finding::Severity;

class RuleChecker {
 public:
  RuleChecker(const ListPolicy& policy, const List& list, const Moment& moment,
              const std::string& parameter, std::vector<Finding>& findings)
      : policy_(policy), list_(list), moment_(moment), parameter_(parameter), findings_(findings) {}

  ListCheck run() {
    bool ended = false;
    for (std::size_t i = 0; i < list_.size(); ++i) {
      const Can one = can(policy_, list_[i], moment_);
      if (decides(one)) check_.complete = true;
      if (ended) {
        dead(i, "R102",
             fmt::format("never asked: {} before it always decides", quoted(list_[end_])),
             one.permit ? std::string("remove it: it changes nothing")
                        : fmt::format("if it shall count, put it before {}", quoted(list_[end_])));
        continue;
      }
      check_reach(i);
      check_words(i);
      check_table(i);
      check_rows(i);
      if (!goes_on(one, moment_)) {
        ended = true;
        end_ = i;
        check_constant(i, one);
      }
    }
    return std::move(check_);
  }

 private:
  using Names = std::vector<std::string>;
  static std::string quoted(const Rule& rule) {
    return (rule.warn_only ? "warn_if_reject " : "") + printable(rule.words, 200);
  }
  void say(Severity severity, std::string code, std::size_t index, std::string message,
           std::string hint = {}) {
    findings_.push_back(
        {severity, std::move(code), parameter_, index, std::move(message), std::move(hint)});
  }
  void dead(std::size_t index, std::string code, std::string message, std::string hint) {
    check_.unreachable.push_back(index);
    say(Severity::warning, std::move(code), index, quoted(list_[index]) + ": " + std::move(message),
        std::move(hint));
  }

  /// The first equal element before this rule, after which the rule has no effect; nullopt: none.
  /// Call it once for each rule, in order.
  std::optional<std::size_t> repeats(std::size_t i) {
    const Rule& rule = list_[i];
    const bool stateful = rule.keyword == nullptr || rule.keyword->kind == Keyword::Class::other ||
                          rule.keyword->takes == Keyword::Takes::service;
    if (!rule.list && stateful) return std::nullopt;
    const std::string_view words = rule.words;
    const std::string_view argument =
        rule.list ? std::string_view() : words.substr(std::min(words.find(' '), words.size()));
    Asked& asked = asked_[{rule.list, rule.keyword, argument}];
    // With warn_if_reject the first one refuses nothing.
    const std::optional<std::size_t> found = rule.warn_only ? asked.at_all : asked.enforced;
    if (!asked.at_all) asked.at_all = i;
    if (!rule.warn_only && !asked.enforced) asked.enforced = i;
    return found;
  }

  void check_reach(std::size_t i) {
    const Rule& rule = list_[i];
    const std::optional<std::size_t> earlier = repeats(i);
    if (lacks_subject(rule, moment_)) {
      dead(i, "R104",
           policy_.delay_reject ? "what it checks is not known in this list"
                                : "what it checks is not known yet when this list runs",
           "smtpd_delay_reject = yes runs the client, HELO and sender lists at RCPT");
      return;
    }
    if (earlier) {
      dead(i, "R103", fmt::format("the same as element {}, which was asked before", *earlier + 1),
           "remove this one: the first decides");
      return;
    }
    const bool at_data = moment_.recipient == Known::maybe;
    if (at_data && rule.keyword != nullptr && rule.keyword->subject == Subject::recipient) {
      say(Severity::warning, "R132", i,
          quoted(rule) + " is skipped here for messages with several recipients",
          "smtpd_recipient_restrictions sees each of them");
    }
  }

  void check_words(std::size_t i) {
    const Rule& rule = list_[i];
    if (rule.keyword == nullptr) return;
    const std::string_view word = std::string_view(rule.words).substr(0, rule.words.find(' '));
    if (!rule.keyword->former.empty() && iequals(word, rule.keyword->former)) {
      say(Severity::note, "R131", i,
          fmt::format("{} is an old name of {}", printable(word, 64), rule.keyword->name),
          "both work and mean the same");
    }
    if (rule.warn_only && rule.keyword->kind == Keyword::Class::permit) {
      say(Severity::warning, "R133", i,
          fmt::format("warn_if_reject before {} has no effect: it permits all the same",
                      rule.keyword->name),
          "");
    }
    check_keyword(i, rule.keyword->name);
    const bool redundant = rule.keyword->kind == Keyword::Class::permit &&
                           rule.keyword->name != "permit" && i + 2 == list_.size() &&
                           list_.back().keyword != nullptr &&
                           list_.back().keyword->name == "permit";
    if (redundant) {
      say(Severity::note, "R106", i,
          quoted(rule) + " makes no difference: the permit after it permits every client", "");
    }
    if (rule.code / 100 == 4 && rule.keyword->kind == Keyword::Class::reject &&
        rule.keyword->name != "defer" && rule.keyword->name != "defer_unauth_destination" &&
        !rule.keyword->code_parameter.empty() && !rule.warn_only) {
      say(Severity::note, "R130", i,
          fmt::format("{} answers {}, so that clients come back and try again", rule.keyword->name,
                      rule.code),
          fmt::format("{} = 550 refuses for good", rule.keyword->code_parameter));
    }
  }

  void check_keyword(std::size_t i, std::string_view name) {
    if (name == "permit_mx_backup" && !policy_.limits_mx_backup) {
      say(Severity::warning, "R126", i,
          "permit_mx_backup relays to every domain whose owner names this server as a backup mail "
          "host",
          "list the domains in relay_domains, or their first mail hosts in "
          "permit_mx_backup_networks");
    }
    const bool by_owners = name == "reject_sender_login_mismatch" ||
                           name == "reject_authenticated_sender_login_mismatch";
    if (by_owners && policy_.sasl && policy_.sender_login_maps.empty()) {
      say(Severity::warning, "R127", i,
          fmt::format("{} refuses every sender of clients that have authenticated: "
                      "smtpd_sender_login_maps is empty",
                      name),
          "name the tables that say which login may use which sender");
    }
    if (name == "reject_unverified_sender" && !is_guarded(i)) {
      say(Severity::warning, "R128", i,
          "reject_unverified_sender lets every unknown client choose the mail hosts that this "
          "server asks",
          "put rules in front that permit known clients and refuse bad ones, or name the domains "
          "in a check_sender_access table");
    }
    if (name == "permit_naked_ip_address" || name == "reject_maps_rbl" ||
        name == "check_relay_domains") {
      say(Severity::warning, "R135", i,
          fmt::format("Postfix 3.9 does not know {}: it answers 451 4.3.5 here", name), "");
    }
  }

  static bool can_end(const Rule& rule) {
    return rule.list != nullptr || (rule.keyword != nullptr && !rule.warn_only &&
                                    rule.keyword->kind != Keyword::Class::other);
  }
  /// The same without rules that only permit: a permit ends its own list, and the next one runs.
  static bool can_end_all(const Rule& rule) {
    return can_end(rule) &&
           (rule.keyword == nullptr || rule.keyword->kind != Keyword::Class::permit);
  }

  /// Whether a rule before this one may decide: one of this list, or of a list that is asked before
  /// it.
  bool is_guarded(std::size_t i) const {
    const auto end = list_.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(list_.begin(), end, can_end)) return true;
    if (!policy_.delay_reject) return false;
    for (const ListKind kind :
         {ListKind::client, ListKind::helo, ListKind::sender, ListKind::relay}) {
      const List& before = policy_.list(kind);
      if (&before == &list_) return false;
      if (std::any_of(before.begin(), before.end(), can_end_all)) return true;
    }
    return false;
  }

  void check_table(std::size_t i) {
    const Rule& rule = list_[i];
    if (!rule.table) return;
    const auto hidden = rule.table->hidden_rows();
    if (!hidden.empty()) {
      std::string lines;
      for (std::size_t n = 0; n < hidden.size() && n < 10; ++n) {
        lines += (n > 0 ? ", " : "") + std::to_string(hidden[n]);
      }
      if (hidden.size() > 10) lines += ", ...";
      say(Severity::warning, "R107", i,
          fmt::format("{}: an earlier row hides line {}", printable(rule.table->name(), 200),
                      lines),
          "the first row that matches counts");
    }
    const Can one = can(policy_, rule, moment_);
    if (one == Can{.pass = true} && rule.actions && !has_effect(*rule.actions)) {
      say(Severity::note, "R108", i, quoted(rule) + " never decides anything", "");
    }
  }
  /// Rows that no look-up asks for. They are counted: who names a file need not be who may read it.
  /// The cost is O(rows).
  void check_rows(std::size_t i) {
    const Rule& rule = list_[i];
    constexpr std::size_t most_rows = 100'000;
    if (!rule.table || rule.table->is_pattern() || rule.keyword == nullptr) return;
    const std::string_view keyword = rule.keyword->name;
    if (keyword == "check_ccert_access" || keyword == "check_sasl_access" ||
        keyword == "check_listener_access") {
      return;
    }
    struct {
      std::string_view one, many, advice;
      std::size_t count = 0;
    } kinds[] = {
        {"row begins with a dot", "rows begin with a dot",
         "leave the dot out: parent_domain_matches_subdomains has smtpd_access_maps, so the name "
         "stands for those below it, too"},
        {"row is a pattern in slashes", "rows are patterns in slashes",
         "a pattern stands in a table regexp: or pcre:"},
        {"row is a network", "rows are networks", "a network stands in a table cidr:"}};
    for (const std::string& row : rule.table->row_names(most_rows).value_or(Names())) {
      const bool has_slash = row.find('/') != std::string::npos;
      kinds[0].count += row.starts_with('.') && policy_.access_parents_by_name ? 1 : 0;
      kinds[1].count += row.size() > 1 && row.starts_with('/') && row.ends_with('/') ? 1 : 0;
      kinds[2].count += has_slash && Cidr::parse(row) ? 1 : 0;
    }
    for (const auto& kind : kinds) {
      if (kind.count == 0) continue;
      say(Severity::warning, "R140", i,
          fmt::format("{}: {} {}, and nothing is looked up so", printable(rule.table->name(), 200),
                      kind.count, kind.count == 1 ? kind.one : kind.many),
          std::string(kind.advice));
    }
  }
  static bool has_effect(const Actions& actions) {
    return std::any_of(actions.begin(), actions.end(), [](const auto& one) {
      const Action::Kind kind = one.second.kind;
      return kind == Action::Kind::hold || kind == Action::Kind::note ||
             kind == Action::Kind::defer_if_reject;
    });
  }

  void check_constant(std::size_t end, const Can& last) {
    if (!decides(last) || (last.permit && last.refuse)) return;
    for (std::size_t i = 0; i < end; ++i) {
      if (!(can(policy_, list_[i], moment_) == Can{.pass = true})) return;
    }
    say(Severity::note, "R105", end,
        fmt::format("the list {} every request", last.permit ? "permits" : "refuses"), "");
  }

  const ListPolicy& policy_;
  const List& list_;
  const Moment& moment_;
  const std::string& parameter_;
  std::vector<Finding>& findings_;
  /// The first element with this list, keyword and argument, and the first of them that can refuse.
  struct Asked {
    std::optional<std::size_t> at_all;
    std::optional<std::size_t> enforced;
  };
  std::map<std::tuple<const List*, const Keyword*, std::string_view>, Asked> asked_;
  std::size_t end_ = 0;
  ListCheck check_;
};

}  // namespace

ListCheck check_rules(const ListPolicy& policy, const List& list, const Moment& moment,
                      const std::string& parameter, std::vector<Finding>& findings) {
  return RuleChecker(policy, list, moment, parameter, findings).run();
}

}  // namespace postern::dialect::restrictions
