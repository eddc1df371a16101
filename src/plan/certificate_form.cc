#include "plan/certificate_form.h"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/remote_table.h"
#include "plan/certificate.h"
#include "plan/listings.h"
#include "plan/settings_answers.h"

namespace postern::plan::certified {

namespace restrictions = dialect::restrictions;
using restrictions::List;
using restrictions::ListPolicy;

namespace {

class Form {
 public:
  Form(CertificateText& text, const CertifiedPair& pair)
      : classes_(text.classes),
        questions_(text.questions),
        never_(text.never),
        same_handling_(text.same_handling),
        versions_(pair.versions),
        lists_(pair.lists),
        told_(pair.told),
        words_(pair.words),
        by_settings_(pair.by_settings),
        served_(pair.served) {}

  bool check() {
    const bool claims = same_handling_ || !never_.empty();
    const AheadOfLists ahead = ahead_of_lists(*lists_[0], *lists_[1]);
    for (const auto& one : {ahead.envelopes, ahead.probe_sender}) {
      if (claims && one) throw Wrong("it claims something, and " + *one);
    }
    const bool asks_others = std::ranges::any_of(lists_, [](const ListPolicy* policy) {
      return asks_programs(policy) || std::ranges::any_of(policy->used, [](const auto* keyword) {
               return keyword->takes == restrictions::Keyword::Takes::service;
             });
    });
    if (claims && asks_others) check_not_followed();
    const bool has_rules = check_free();
    check_clients();
    check_forms();
    check_answers();
    return has_rules;
  }

 private:
  /// All addresses are in one class, and each in one.
  void check_clients() {
    std::vector<std::pair<IpAddress, IpAddress>> ranges;
    for (const Members& one : classes_[client]) {
      if (one.one < one.first || one.last < one.one) throw Wrong("a client is not of its class");
      ranges.emplace_back(one.first, one.last);
    }
    std::ranges::sort(ranges, {}, [](const auto& range) {
      return std::pair(range.first.is_v4(), number_of(range.first));
    });
    std::optional<IpAddress> next = ip("::");
    for (const auto& [first, last] : ranges) {
      if (first == ip("0.0.0.0") && !next) next = first;
      if (first != next || first.is_v4() != last.is_v4() || last < first) {
        throw Wrong("the classes of clients have a gap or overlap at " + first.to_string());
      }
      next = after(last);
    }
    if (next) throw Wrong("the classes of clients end at " + next->to_string());
  }

  template <class Fits>
  void need(std::size_t axis, std::string_view what, const Fits& fits) const {
    if (std::ranges::none_of(classes_[axis], fits)) {
      throw Wrong(fmt::format("the classes of {} lack {}", axis_names[axis], what));
    }
  }

  /// Rules that are one question, and patterns. Whether there are such rules.
  bool check_free() {
    constexpr std::string_view start = "rule ";
    bool has_rules = false;
    std::set<std::string> patterns;
    for (const restrictions::Table* table : told_.patterns) {
      for (std::string& one : restrictions::pattern_questions(*table)) {
        patterns.insert(std::move(one));
      }
    }
    for (Question& one : questions_) {
      if (!one.free) continue;
      one.is_rule = one.key.starts_with(start);
      const auto has = [&](const ListPolicy* lists) {
        return leaves_open(*lists, std::string_view(one.key).substr(start.size()));
      };
      if (one.is_rule ? std::ranges::none_of(lists_, has) : !patterns.contains(one.pattern)) {
        throw Wrong("it leaves open what no version leaves open: " + one.key);
      }
      has_rules = has_rules || one.is_rule;
      if (one.is_rule) continue;
      if (one.answers.size() != 2) throw Wrong("a pattern has other answers: " + one.key);
      const auto asked = restrictions::asked_pattern(one.pattern);
      auto regex = asked ? dialect::Regex::compile(asked->perl, asked->options)
                         : Result<dialect::Regex>(fail(Fault::malformed, ""));
      if (regex) one.regex = std::make_shared<const dialect::Regex>(std::move(*regex));
    }
    return has_rules;
  }

  /// A question is known by its text: what stands for many in one part of the dialogue has a text
  /// that stands in no other.
  void check_texts() const {
    const std::array parts{name, helo, sender, rcpt};
    for (const std::size_t one : parts) {
      for (const Members& members : classes_[one]) {
        const bool is_address = one == sender || one == rcpt;
        const bool open_name = members.other || !members.below.empty();
        const bool open_local = is_address && !members.null && members.local.empty();
        for (const std::size_t other : parts) {
          if (other == one) continue;
          const bool shared = std::ranges::any_of(classes_[other], [&](const Members& there) {
            return (open_name && !members.name.empty() && iequals(there.name, members.name)) ||
                   (open_local && (other == sender || other == rcpt) && !there.null &&
                    iequals(there.local_part, members.local_part));
          });
          if (shared) {
            throw Wrong(fmt::format("{} and {} have one text for different members: {}{}",
                                    axis_names[one], axis_names[other], members.local_part,
                                    members.name.empty() ? "" : "@" + members.name));
          }
        }
      }
    }
  }

  /// Whether a class may stand for names that no version names.
  bool is_unnamed(const Members& one) const {
    return one.below.empty() && !words_.contains(lower(one.name));
  }

  /// Kinds of values that no text of a version names.
  void check_forms() const {
    check_texts();
    need(helo, "that none is said", [](const Members& one) { return one.name.empty(); });
    need(helo, "a name that no list has", [](const Members& one) { return one.other; });
    using Form = bool (*)(const std::string& name);
    const std::pair<std::string_view, Form> forms[] = {
        {"an address in brackets",
         [](const std::string& name) { return name.starts_with('[') && name.ends_with(']'); }},
        {"an open bracket",
         [](const std::string& name) { return name.starts_with('[') && !name.ends_with(']'); }},
        {"an address", [](const std::string& name) { return IpAddress::parse(name).has_value(); }},
        {"an address that ends in a dot",
         [](const std::string& name) {
           return name.ends_with('.') && IpAddress::parse(name.substr(0, name.size() - 1));
         }},
        {"a name that ends in a dot",
         [](const std::string& name) {
           return name.ends_with('.') && !IpAddress::parse(name.substr(0, name.size() - 1));
         }},
        {"a name with two dots",
         [](const std::string& name) { return name.find("..") != std::string::npos; }},
        {"numbers with dots",
         [](const std::string& name) {
           return is_number(name) && !name.ends_with('.') && !IpAddress::from_text(name);
         }},
        {"a number at the end", [](const std::string& name) { return has_number_last(name); }},
        {"a name of one label",
         [](const std::string& name) { return name.find_first_of(".[") == std::string::npos; }}};
    for (const auto& [what, fits] : forms) {
      need(helo, what, [&](const Members& one) {
        return !one.name.empty() && is_unnamed(one) && fits(one.name);
      });
    }
    need(sender, "the null sender", [](const Members& one) { return one.null; });
    for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) {
      need(axis, "any other", [](const Members& one) { return one.other && one.local.empty(); });
      need(axis, "a number at the end",
           [&](const Members& one) { return is_unnamed(one) && has_number_last(one.name); });
      need(axis, "a literal",
           [&](const Members& one) { return is_unnamed(one) && one.name.starts_with('['); });
      need(axis, "a domain of one label", [&](const Members& one) {
        return !one.null && is_unnamed(one) && !one.name.empty() &&
               one.name.find_first_of(".[") == std::string::npos;
      });
      need(axis, "an address without domain",
           [](const Members& one) { return !one.null && one.name.empty(); });
      std::set<std::string> domains;  // with addresses that no table has
      for (const Members& one : classes_[axis]) {
        if (one.local.empty()) domains.insert(one.name);
      }
      for (const Members& one : classes_[axis]) {
        if (one.winding || domains.contains(one.name)) continue;
        throw Wrong(fmt::format("the classes of {} lack other addresses at {}", axis_names[axis],
                                one.name));
      }
    }
    if (std::ranges::any_of(classes_[session],
                            [](const auto& one) { return one.login.has_value(); })) {
      need(session, "a login that no list has", [](const Members& one) { return one.any; });
    }
    const bool told = std::ranges::any_of(
        classes_[session], [](const Members& one) { return one.login.has_value() || one.tls; });
    if (served_.tls && (told || !served_.clear)) {
      need(session, "TLS without a login",
           [](const Members& one) { return one.tls && !one.login; });
    }
    if (served_.clear) {
      need(session, "a session in clear",
           [](const Members& one) { return !one.tls && !one.login; });
    }
    if (classes_[early].size() != 1 && classes_[early].size() != app::early_words.size()) {
      throw Wrong("the classes of commands ahead of replies are not all");
    }
    need(name, "that there is none", [](const Members& one) { return one.kind == "none"; });
    if (classes_[name].size() == 1) return;
    need(name, "that DNS fails", [](const Members& one) { return one.kind == "trouble"; });
    need(name, "one that no list has", [](const Members& one) { return one.other; });
    std::map<std::string, std::set<std::string>> kinds;
    for (const Members& one : classes_[name]) {
      if (one.like_network) {
        // No name in DNS ends in a number (RFC 3696 §2).
        if (!ends_in_number(one.name)) throw Wrong("a name of DNS is left out: " + one.name);
      } else if (!one.name.empty()) {
        kinds[one.name].insert(one.kind);
      }
    }
    for (const auto& [named, of_name] : kinds) {
      if (of_name != std::set<std::string>{"unconfirmed", "unverified", "verified"}) {
        throw Wrong("the classes of client_name lack a kind of " + named);
      }
    }
  }

  /// Each answer that a question of DNS, or of a program, can have.
  void check_answers() const {
    for (const Question& question : questions_) {
      if (!question.service.empty()) check_actions(question);
      if (!question.zone.empty()) check_listings(question);
      if (question.type.empty() || !question.zone.empty()) continue;
      bool found = false;
      bool absent = false;
      bool failed = false;
      for (const json::object& one : question.answers) {
        failed = failed || is(one, "failed");
        if (!one.contains("records")) continue;
        (one.at("records").as_array().empty() ? absent : found) = true;
      }
      const json::value null_mx = json::array{"0 ."};  // RFC 7505 §3
      const bool mx = question.type != "MX" ||
                      std::ranges::any_of(question.answers, [&](const json::object& one) {
                        return one.contains("records") && one.at("records") == null_mx;
                      });
      if (!absent || !failed || !mx || !found) {
        throw Wrong("a question has not all answers: " + question.key);
      }
    }
  }

  /// The answers of a list in DNS are those that the filters tell apart.
  void check_listings(const Question& question) const {
    const auto wanted = listings(told_.zones, question.zone);
    const auto is_same = [](const PossibleAnswer& answer, const json::object& one) {
      if (answer.dns.trouble()) return is(one, "failed");
      return one.contains("records") && one.at("records") == json::value_from(answer.dns.records);
    };
    if (!std::ranges::equal(wanted, question.answers, is_same)) {
      throw Wrong("a question has not all answers: " + question.key);
    }
  }

  void check_actions(const Question& question) const {
    const bool is_table = restrictions::is_remote_table(question.service);
    const std::string start = is_table ? "found " : "";
    std::vector<std::string_view> wanted{"DUNNO",
                                         "OK",
                                         "REJECT",
                                         "DEFER",
                                         "DEFER_IF_PERMIT",
                                         "HOLD",
                                         "DISCARD",
                                         "DEFER_IF_REJECT",
                                         "permit_mynetworks",
                                         "permit_sasl_authenticated",
                                         "permit_auth_destination",
                                         "reject_unauth_destination",
                                         "reject, permit",
                                         "defer_if_permit, permit",
                                         answer_with_an_error};
    if (policy::is_verification(question.service)) {
      if (is_known(question)) return;
      wanted = {"deliverable", "undeliverable", "deferred"};
    } else if (is_table && !std::ranges::any_of(lists_, asks_programs)) {
      wanted = {"OK"};  // whether there is a row
    } else {
      wanted.insert(wanted.end(), by_settings_.begin(), by_settings_.end());
      for (const ListPolicy* policy : lists_) {
        for (const auto& [name, list] : policy->classes) wanted.emplace_back(name);
      }
    }
    if (is_table && std::ranges::any_of(lists_, [&](const ListPolicy* policy) {
          return std::ranges::any_of(policy->sender_login_maps.tables(), [&](const auto& table) {
            return table->name() == question.service;
          });
        })) {
      wanted.emplace_back(own_login);
    }
    wanted.emplace_back("no answer");
    for (const std::string_view action : wanted) {
      const bool failed = action == "no answer";
      const bool there = std::ranges::any_of(question.answers, [&](const json::object& one) {
        return failed ? is(one, "failed") : text_in(one, "answer") == start + std::string(action);
      });
      if (!there) throw Wrong(fmt::format("{} lacks the answer {}", question.key, action));
    }
    const bool none = std::ranges::any_of(question.answers, [&](const json::object& one) {
      return text_in(one, "answer") == "absent";
    });
    if (is_table && !none) throw Wrong(question.key + " lacks the answer absent");
  }

  /// Whether the gateway knows the one answer of this question without asking anybody.
  bool is_known(const Question& question) const {
    return question.answers.size() == 1 &&
           std::ranges::all_of(versions_, [&](const CertifiedVersion* version) {
             const auto known = version->known
                                    ? version->known({.service = question.service,
                                                      .request = question.request.value_or("")})
                                    : std::nullopt;
             return known && *known == text_in(question.answers.front(), "answer");
           });
  }

  /// Nothing is known of answers that are not followed.
  void check_not_followed() const {
    const bool claims_foreign = same_handling_ || std::ranges::any_of(never_, [&](const auto& one) {
                                  return one.first != "ours" && one.first != "relay";
                                });
    for (const NotFollowed& one : not_followed(*versions_[0]->lists, *versions_[1]->lists)) {
      if (!one.only_foreign || claims_foreign) {
        throw Wrong("it claims something, though " + one.text);
      }
    }
  }

  /// Whether the rows of an access table come from a program.
  static bool asks_programs(const ListPolicy* policy) {
    std::set<const List*> seen;
    bool names_classes = false;  // a policy server may answer with the name of a class
    const std::function<bool(const List&)> any = [&](const List& rules) {
      if (!seen.insert(&rules).second) return false;
      return std::ranges::any_of(rules, [&](const restrictions::Rule& rule) {
        names_classes = names_classes || !rule.service.empty();
        if (rule.list != nullptr && any(*rule.list)) return true;
        if (rule.table != nullptr && rule.table->is_remote()) return true;
        return rule.actions != nullptr && std::ranges::any_of(*rule.actions, [&](const auto& row) {
                 return row.second.list != nullptr && any(*row.second.list);
               });
      });
    };
    if (std::ranges::any_of(policy->lists, any)) return true;
    return names_classes &&
           std::ranges::any_of(policy->classes, [&](const auto& one) { return any(*one.second); });
  }

  /// Whether the table may have more patterns than are followed.
  static bool has_many_patterns(const restrictions::Rule& rule) {
    constexpr std::size_t many = 100;
    return rule.table && rule.table->is_pattern() && rule.table->rows() > many;
  }
  /// Whether the filters of this list in DNS tell more answers apart than are followed.
  bool has_many_filters(const restrictions::Rule& rule) const {
    try {
      return rule.zone && listings(told_.zones, rule.zone->zone()).empty();
    } catch (const NotCompiled&) {
      return true;
    }
  }

  /// Whether such a rule, "WORDS at STAGE ...", stands in a list or a restriction class, and may be
  /// one question: most can be followed, and nothing of them is open.
  bool leaves_open(const ListPolicy& policy, std::string_view question) const {
    const auto is_it = [&](const restrictions::Rule& rule) {
      if (!question.starts_with(rule.words + " at ")) return false;
      return told_.opaque.contains(&rule) || has_many_patterns(rule) || has_many_filters(rule);
    };
    const std::function<bool(const restrictions::List&)> among =
        [&](const restrictions::List& list) {
          return std::ranges::any_of(list, [&](const restrictions::Rule& rule) {
            if (is_it(rule)) return true;
            if (!rule.actions) return false;
            return std::ranges::any_of(*rule.actions, [&](const auto& row) {
              return row.second.list && among(*row.second.list);
            });
          });
        };
    return std::ranges::any_of(policy.lists, among) ||
           std::ranges::any_of(policy.classes, [&](const auto& one) { return among(*one.second); });
  }

  const std::array<std::vector<Members>, axes>& classes_;
  std::vector<Question>& questions_;
  const std::set<std::pair<std::string, std::string>>& never_;
  const bool same_handling_;
  const std::array<const CertifiedVersion*, 2>& versions_;
  const std::array<const ListPolicy*, 2>& lists_;
  const restrictions::PolicyWords& told_;
  const std::set<std::string>& words_;
  const std::vector<std::string>& by_settings_;
  const ServedSessions& served_;
};

}  // namespace

bool check_form(CertificateText& text, const CertifiedPair& pair) {
  return Form(text, pair).check();
}

bool has_classes(const CertificateText& text, const CertifiedPair& pair,
                 const std::function<void()>& poll) {
  std::vector<const policy::Directory*> directories;
  for (const CertifiedVersion* one : pair.versions) {
    if (one->directory != nullptr) directories.push_back(one->directory);
  }
  const Classes classes =
      classes_of(pair.told, pair.lists[0]->recipient_delimiter + pair.lists[1]->recipient_delimiter,
                 pair.served, poll, directories);
  return !classes.by_chance && axes_text(classes) == text.axes_text;
}

}  // namespace postern::plan::certified
