#include "plan/check_certificate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/domain_below.h"
#include "base/text.h"
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/policy_words.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/rule_effect.h"
#include "explain/play.h"
#include "mail/local_part.h"
#include "mail/postfix_path.h"
#include "plan/certificate.h"
#include "plan/listings.h"
#include "plan/samples.h"
#include "plan/settings_answers.h"
#include "policy/json_octets.h"
#include "policy/own_addresses.h"

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;
using policy::Evidence;
using policy::Stage;
using restrictions::List;
using restrictions::ListPolicy;

namespace {

using Clock = std::chrono::steady_clock;

/// In an answer, where the client's own login stands.
constexpr std::string_view own_login = "%login";

/// What is wrong with the certificate.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A question that the certificate does not have.
struct NotAsked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The axes in the order of their variables, as the certificate names them.
enum AxisNumber : std::size_t { session, client, name, helo, sender, rcpt, early, axes };
constexpr std::array<std::string_view, axes> axis_names{"session", "client", "client_name", "helo",
                                                        "sender",  "rcpt",   "pipelining"};

std::string text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
bool is(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// Whether the last label is a number, or the name is an address.
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return last.find_first_not_of("0123456789") == std::string_view::npos ||
         last.find(':') != std::string_view::npos;
}

/// Whether it is of digits and dots.
bool is_number(std::string_view name) {
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// Whether a name that is no number ends in one.
bool has_number_last(std::string_view name) {
  return ends_in_number(name) && !is_number(name) && !name.ends_with('.') && !name.starts_with('[');
}

/// A class of any axis.
struct Members {
  IpAddress first, last, one;  // client
  std::string kind;            // client name
  std::string name;            // client name, HELO, domain
  std::string below;           // of names and domains
  bool other = false;          // names and domains that no class has
  bool tls = false;            // session
  std::optional<std::string> login;
  bool any = false;                      // logins that no class has
  app::Early early = app::Early::never;  // pipelining
  bool null = false;                     // sender
  std::string local_part, local;         // addresses
  bool extended = false, winding = false, quoted = false;
  std::optional<mail::Mailbox> read;  // in place of an address with a route
  bool like_network = false;          // client name
};

struct Question {
  std::string key, zone, of, type, name, service;
  std::optional<std::string> request;
  bool free = false;     // a pattern or a rule: the evaluation has its answer
  bool is_rule = false;  // the latter: a rule that a version has
  std::string pattern;   // of a version
  std::string about;     // what of the dialogue it is searched in
  std::string text;      // or this text
  std::shared_ptr<const dialect::Regex> regex = {};  // null: only the evaluation knows
  std::size_t axis = axes;  // the diagram asks it behind this one and above the next
  std::vector<json::object> answers;
};

struct Node {
  std::size_t variable = 0;
  std::vector<std::uint32_t> children;  // none: a leaf
  std::string before, after;
  bool impossible = false;
};

/// A number for each address, in the order of addresses.
std::array<std::uint8_t, 16> number_of(const IpAddress& address) {
  std::array<std::uint8_t, 16> number{};
  const std::string_view octets = address.octets();
  std::ranges::copy(octets, number.end() - static_cast<std::ptrdiff_t>(octets.size()));
  return number;
}
IpAddress address_of(const std::array<std::uint8_t, 16>& number, bool v4) {
  if (!v4) return IpAddress::v6(number);
  return IpAddress::v4((std::uint32_t{number[12]} << 24) | (std::uint32_t{number[13]} << 16) |
                       (std::uint32_t{number[14]} << 8) | number[15]);
}
/// The next address; nullopt: this is the highest.
std::optional<IpAddress> after(const IpAddress& address) {
  auto number = number_of(address);
  for (std::size_t at = 16; at-- > (address.is_v4() ? 12u : 0u);) {
    if (++number[at] != 0) return address_of(number, address.is_v4());
  }
  return std::nullopt;
}

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) throw Wrong(fmt::format("`{}` is no address", printable(text, 64)));
  return *parsed;
}

/// What a client does, and what the world answers.
struct Said {
  std::array<std::size_t, axes> classes{};
  IpAddress client;
  std::string name_kind, client_name, helo;
  bool tls = false;
  app::Early early = app::Early::never;
  std::optional<std::string> login;
  std::optional<mail::Mailbox> sender;
  mail::Mailbox recipient;
  std::vector<std::size_t> answers;  // by question
  /// A member, and what stands for it in the questions.
  std::vector<std::pair<std::string, std::string>> renamed;

  std::string text() const {
    return fmt::format("client {}, name {} {}, HELO {}, {}{}, MAIL FROM:<{}>, RCPT TO:<{}>{}",
                       client.to_string(), name_kind, client_name, helo.empty() ? "none" : helo,
                       tls ? "TLS" : "in clear", login ? ", login " + *login : "",
                       sender ? sender->text() : "", recipient.text(),
                       early != app::Early::never ? ", pipelining" : "");
  }
};

class Checker {
 public:
  Checker(const CertifiedVersion& before, const CertifiedVersion& after,
          const CertificateCheck& options)
      : versions_{&before, &after},
        served_(either(before.served, after.served)),
        options_(options),
        random_(options.seed),
        deadline_(Clock::now() + options.time) {}

  Checked run(std::string_view text) {
    try {
      check(text);
    } catch (const Wrong& wrong) {
      result_.fault = wrong.what();
    } catch (const std::exception&) {  // of JSON: another type, a missing member
      result_.fault = "a line of it cannot be read, perhaps as it is cut off there";
      result_.unreadable = true;
    }
    return result_;
  }

 private:
  void check(std::string_view text) {
    std::size_t line = 0;
    for (std::string_view rest = text; !rest.empty(); ++line) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const json::object object = json::parse(rest.substr(0, end)).as_object();
      if (object.contains("axis")) axes_text_ += std::string(rest.substr(0, end)) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line == 0) {
        read_header(object);
      } else if (object.contains("axis")) {
        read_axis(object);
      } else if (object.contains("question")) {
        read_question(object);
      } else {
        read_node(object);
      }
    }
    if (line != 1 + lines_) {
      result_.unreadable = true;
      if (line == 0) throw Wrong("it is empty");
      throw Wrong(fmt::format("it has {} lines and not {}: it is cut off, or something was added",
                              line, 1 + lines_));
    }
    if (line == 1) return check_equal();
    if (read_axes_ != axes || nodes_.empty()) throw Wrong("classes or the diagram are missing");
    for (std::size_t side = 0; side < 2; ++side) {
      if (versions_[side]->lists == nullptr) throw Wrong("a version has no restriction lists");
      lists_[side] = versions_[side]->lists->compiled.policy.get();
      layers_[side].emplace(versions_[side]->lists->compiled.policy, "");
    }
    const bool claims = same_handling_ || !never_.empty();
    const AheadOfLists ahead = ahead_of_lists(*lists_[0], *lists_[1]);
    for (const auto& one : {ahead.envelopes, ahead.probe_sender}) {
      if (claims && one) throw Wrong("it claims something, and " + *one);
    }
    words_ = words_of_versions();
    const bool asks_others = std::ranges::any_of(lists_, [](const ListPolicy* policy) {
      return asks_programs(policy) || std::ranges::any_of(policy->used, [](const auto* keyword) {
               return keyword->takes == restrictions::Keyword::Takes::service;
             });
    });
    if (claims && asks_others) check_not_followed();
    by_settings_ =
        answers_by_settings(versions_[0]->lists->definition, versions_[1]->lists->definition);
    told_.answers = by_settings_;
    for (const ListPolicy* lists : lists_) told_.add(*lists);
    check_free();
    check_clients();
    check_forms();
    check_answers();
    for (std::size_t at = 0; at < classes_[rcpt].size(); ++at) {
      const Members& one = classes_[rcpt][at];
      const auto is_ours = [&](const ListPolicy* lists) {
        return lists->domain_class(lower(one.name)) != restrictions::DomainClass::foreign;
      };
      if (!one.name.empty() && !one.winding && std::ranges::any_of(lists_, is_ours)) {
        own_.push_back(at);
      }
    }
    walk_all();
    for (const std::string& word : words_) play_word(word);
    constexpr int freely = 2000;
    for (int i = 0; i < freely && in_time(); ++i) play(drawn(), false);
    for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) play_routes(axis);
    check_classes();  // last: the rest is a second opinion on classes, too
  }

  // Reading.

  void read_header(const json::object& header) {
    if (header.at("certificate").to_number<int>() != 1) throw Wrong("it is of another form");
    const std::string_view sides[] = {"old", "new"};
    const bool exchanged = text_in(header, "old") == versions_[1]->digest &&
                           text_in(header, "new") == versions_[0]->digest;
    for (std::size_t side = 0; side < 2; ++side) {
      if (text_in(header, sides[side]) == versions_[side]->digest) continue;
      result_.unreadable = true;
      throw Wrong(exchanged ? std::string("old and new are exchanged")
                            : fmt::format("it was made for another {}: another file, or its lists "
                                          "or a table have changed since",
                                          sides[side]));
    }
    for (const auto& [group, never] : header.at("never").as_object()) {
      for (const json::value& one : never.as_array()) {
        never_.emplace(std::string(group), std::string(one.as_string()));
      }
    }
    same_handling_ = header.at("same_handling").as_bool();
    lines_ = header.at("lines").to_number<std::size_t>();
    const std::map<std::string, std::string> words{
        {"ours", "this host's domains"},
        {"relay", "the domains it relays for"},
        {"foreign", "foreign destinations"},
        {"winding", "addresses with a route to a domain of this host"}};
    for (const auto& [group, never] : never_) {
      const auto known = words.find(group);
      if (known == words.end()) throw Wrong("it speaks of a group that there is not");
      result_.claims.push_back(fmt::format(
          "new {} no mail to {} that old {}", never == "refuses_more" ? "refuses" : "takes",
          known->second, never == "refuses_more" ? "takes" : "refuses"));
    }
    if (same_handling_) result_.claims.push_back("what both take is handled the same");
  }

  void read_axis(const json::object& object) {
    if (read_axes_ >= axes || text_in(object, "axis") != axis_names[read_axes_]) {
      throw Wrong("the classes are in another order");
    }
    std::vector<Members>& all = classes_[read_axes_];
    for (const json::value& value : object.at("classes").as_array()) {
      Members made;
      if (read_axes_ == early) {
        const auto from = value.to_number<std::size_t>();
        if (from != all.size() || from >= app::early_words.size()) {
          throw Wrong("commands ahead of replies are in another order");
        }
        made.early = static_cast<app::Early>(from);
      } else {
        const json::object& one = value.as_object();
        if (read_axes_ == client) {
          made.first = ip(text_in(one, "first"));
          made.last = ip(text_in(one, "last"));
          made.one = ip(text_in(one, "one"));
        }
        made.kind = text_in(one, "kind");
        made.name = text_in(one, read_axes_ == name || read_axes_ == helo ? "name" : "domain");
        made.below = text_in(one, "below");
        made.other = is(one, "other");
        made.tls = is(one, "tls");
        if (one.contains("login")) made.login = text_in(one, "login");
        made.any = is(one, "any");
        made.null = !one.contains("local_part");
        made.local_part = text_in(one, "local_part");
        made.local = text_in(one, "local");
        made.extended = is(one, "extended");
        made.winding = is(one, "winding");
        made.quoted = is(one, "quoted");
        made.like_network = is(one, "like_network");
        if (const json::value* read = one.if_contains("read")) {
          made.read = mail::Mailbox{text_in(read->as_object(), "local_part"),
                                    text_in(read->as_object(), "domain")};
        }
      }
      all.push_back(std::move(made));
    }
    if (all.empty()) throw Wrong("a part of the dialogue has no classes");
    ++read_axes_;
  }

  void read_question(const json::object& object) {
    Question made{.key = text_in(object, "question"),
                  .zone = text_in(object, "zone"),
                  .of = text_in(object, "of"),
                  .type = text_in(object, "type"),
                  .name = text_in(object, "name"),
                  .service = text_in(object, "service"),
                  .request = {},
                  .free = is(object, "free"),
                  .is_rule = false,
                  .pattern = text_in(object, "pattern"),
                  .about = text_in(object, "about"),
                  .text = text_in(object, "text"),
                  .axis = axes,
                  .answers = {}};
    if (object.contains("part")) {
      const auto part = std::ranges::find(axis_names, text_in(object, "part"));
      if (part == axis_names.end()) throw Wrong("a question is of no part: " + made.key);
      made.axis = static_cast<std::size_t>(part - axis_names.begin());
    }
    if (object.contains("request")) made.request = text_in(object, "request");
    for (const json::value& one : object.at("answers").as_array()) {
      made.answers.push_back(one.as_object());
    }
    if (made.answers.empty()) throw Wrong("a question has no answers: " + made.key);
    questions_.push_back(std::move(made));
  }

  void read_node(const json::object& object) {
    Node made;
    made.impossible = is(object, "impossible");
    made.before = text_in(object, "old");
    made.after = text_in(object, "new");
    if (object.contains("children")) {
      made.variable = object.at("variable").to_number<std::size_t>();
      for (const json::value& run : object.at("children").as_array()) {
        const auto many = run.at(0).to_number<std::size_t>();
        const auto child = run.at(1).to_number<std::uint32_t>();
        if (child >= nodes_.size()) throw Wrong("the diagram goes upwards");
        const Node& below = nodes_[child];
        if (!below.children.empty() && depth_of(below.variable) <= depth_of(made.variable)) {
          throw Wrong("the diagram asks something twice");
        }
        if (made.children.size() + many > values_of(made.variable)) {
          throw Wrong("a node has more children than there are values");
        }
        made.children.insert(made.children.end(), many, child);
      }
      if (made.children.empty() || made.children.size() != values_of(made.variable)) {
        throw Wrong("a node has not one child for each value");
      }
    }
    nodes_.push_back(std::move(made));
  }

  /// Where the diagram asks it.
  std::pair<std::size_t, std::size_t> depth_of(std::size_t variable) const {
    values_of(variable);  // that it is one
    return {variable < axes ? variable : questions_[variable - axes].axis, variable};
  }

  std::size_t values_of(std::size_t variable) const {
    if (variable < axes) return classes_[variable].size();
    if (variable - axes >= questions_.size()) throw Wrong("a variable is no question");
    return questions_[variable - axes].answers.size();
  }

  // What does not need the evaluation.

  void check_equal() {
    const auto text_of = [](const CertifiedVersion& version) {
      if (version.lists == nullptr) return std::string();
      json::value definition = json::parse(version.lists->definition);
      definition.as_object().erase("places");
      return json::serialize(definition);
    };
    if (text_of(*versions_[0]) != text_of(*versions_[1])) throw Wrong("the lists are not the same");
  }

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
      next = plan::after(last);
    }
    if (next) throw Wrong("the classes of clients end at " + next->to_string());
  }

  template <class Fits>
  void need(std::size_t axis, std::string_view what, const Fits& fits) const {
    if (std::ranges::none_of(classes_[axis], fits)) {
      throw Wrong(fmt::format("the classes of {} lack {}", axis_names[axis], what));
    }
  }

  /// Rules that are one question, and patterns.
  void check_free() {
    constexpr std::string_view start = "rule ";
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
      has_rules_ = has_rules_ || one.is_rule;
      if (one.is_rule) continue;
      if (one.answers.size() != 2) throw Wrong("a pattern has other answers: " + one.key);
      const auto asked = restrictions::asked_pattern(one.pattern);
      auto regex = asked ? dialect::Regex::compile(asked->perl, asked->options)
                         : Result<dialect::Regex>(fail(Fault::malformed, ""));
      if (regex) one.regex = std::make_shared<const dialect::Regex>(std::move(*regex));
    }
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

  /// The classes are those that these versions have: what is said of two keys together would not
  /// be seen where they have no classes of their own.
  void check_classes() const {
    std::vector<const policy::Directory*> directories;
    for (const CertifiedVersion* one : versions_) {
      if (one->directory != nullptr) directories.push_back(one->directory);
    }
    const Classes classes =
        classes_of(told_, lists_[0]->recipient_delimiter + lists_[1]->recipient_delimiter, served_,
                   {}, directories);
    if (classes.by_chance || axes_text(classes) != axes_text_) {
      throw Wrong("its classes are not those that these versions have");
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

  // Paths.

  bool in_time() {
    if (Clock::now() < deadline_) return true;
    result_.sampled = true;
    return false;
  }

  void walk_all() {
    std::vector<double> paths(nodes_.size(), 1);
    std::vector<std::pair<std::uint32_t, std::size_t>> parent(nodes_.size());
    std::vector<std::pair<std::uint32_t, std::size_t>> edges;
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
      if (nodes_[at].children.empty()) continue;
      paths[at] = 0;
      for (std::size_t value = 0; value < nodes_[at].children.size(); ++value) {
        const std::uint32_t child = nodes_[at].children[value];
        if (value > 0 && child == nodes_[at].children[value - 1]) {
          paths[at] += paths[child];
          continue;
        }
        paths[at] += paths[child];
        parent[child] = {at, value};
        edges.emplace_back(at, value);
      }
    }
    std::vector<std::size_t> values(axes + questions_.size(), unset);
    if (paths.back() <= static_cast<double>(options_.most_paths)) {
      const std::function<void(std::uint32_t)> walk = [&](std::uint32_t at) {
        if (!in_time()) return;
        const Node& node = nodes_[at];
        if (node.children.empty()) return leaf(node, values);
        for (std::size_t value = 0; value < node.children.size(); ++value) {
          values[node.variable] = value;
          walk(node.children[value]);
        }
        values[node.variable] = unset;
      };
      walk(static_cast<std::uint32_t>(nodes_.size() - 1));
      return;
    }
    result_.sampled = true;
    for (std::size_t i = 0; i < options_.most_paths && in_time(); ++i) {
      std::ranges::fill(values, unset);
      auto at = static_cast<std::uint32_t>(nodes_.size() - 1);
      if (i < edges.size()) {  // each edge is on one path at least
        const auto& [node, value] = edges[edges.size() - 1 - i];
        for (std::uint32_t up = node; up != at; up = parent[up].first) {
          values[nodes_[parent[up].first].variable] = parent[up].second;
        }
        values[nodes_[node].variable] = value;
        at = nodes_[node].children[value];
      }
      while (!nodes_[at].children.empty()) {
        const std::size_t value = below(nodes_[at].children.size());
        values[nodes_[at].variable] = value;
        at = nodes_[at].children[value];
      }
      leaf(nodes_[at], values);
    }
  }

  static constexpr std::size_t unset = static_cast<std::size_t>(-1);

  std::size_t below(std::size_t limit) {
    return random_() % limit;  // cheap; that some are drawn a little more often does not matter
  }

  /// A path to a leaf: the members that stand for their classes, and two others.
  void leaf(const Node& node, const std::vector<std::size_t>& values) {
    ++result_.paths;
    if (node.impossible) {
      // What contradicts patterns, no dialogue reaches.
      if (!contradicts(values) && !asks_pattern(values)) {
        throw Wrong("a dialogue is called impossible that is none");
      }
      return;
    }
    if (contradicts(values)) return;
    std::vector<std::size_t>& chosen = chosen_;
    for (int round = 0; round < 3; ++round) {
      chosen = values;
      for (std::size_t variable = 0; variable < chosen.size(); ++variable) {
        if (chosen[variable] == unset) {
          chosen[variable] = round == 0 ? 0 : below(values_of(variable));
        }
      }
      if (contradicts(chosen)) continue;
      play(said_by(chosen, round > 0), round == 0);
    }
  }

  bool asks_pattern(const std::vector<std::size_t>& values) const {
    for (std::size_t at = 0; at < questions_.size(); ++at) {
      if (questions_[at].regex && values[axes + at] != unset) return true;
    }
    return false;
  }

  /// Whether the client's name and the answer about its addresses exclude each other: a verified
  /// name has the client's address, and the addresses of others can be looked up, or not.
  bool contradicts(const std::vector<std::size_t>& values) const {
    if (values[name] == unset) return false;
    const Members& named = classes_[name][values[name]];
    if (named.like_network) return true;
    if (named.name.empty()) return false;
    for (std::size_t at = 0; at < questions_.size(); ++at) {
      const Question& question = questions_[at];
      const std::size_t value = values[axes + at];
      if (value == unset || values[client] == unset) continue;
      const bool is_v4 = classes_[client][values[client]].one.is_v4();
      if (question.type != (is_v4 ? "A" : "AAAA") || !iequals(question.name, named.name)) continue;
      const json::object& answer = question.answers[value];
      const bool failed = is(answer, "failed");
      const bool found = !failed && !answer.at("records").as_array().empty();
      if (named.kind == "verified" ? !found : failed != (named.kind == "unconfirmed")) return true;
    }
    return false;
  }

  // Dialogues.

  Said drawn() {
    for (;;) {
      std::vector<std::size_t> values;
      for (std::size_t variable = 0; variable < axes + questions_.size(); ++variable) {
        values.push_back(below(3) == 0 ? 0 : below(values_of(variable)));
      }
      if (!contradicts(values)) return said_by(values, true);
    }
  }

  Said said_by(const std::vector<std::size_t>& values, bool others) {
    Said said;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      said.classes[axis] = values[axis];
    }
    said.answers.assign(values.begin() + axes, values.end());
    const Members& from = classes_[client][values[client]];
    said.client = !others ? from.one : member_of(from);
    const Members& secured = classes_[session][values[session]];
    said.tls = secured.tls;
    said.login = secured.login;
    if (others && secured.any) said.login = fresh();
    if (others && classes_[session].size() == 1 && served_.tls) {
      said.tls = !served_.clear || below(2) == 0;
      if (said.tls && below(2) == 0) said.login = fresh();
    }
    const Members& named = classes_[name][values[name]];
    said.name_kind = named.kind;
    said.client_name = renamed_to(named.name, named, said, others);
    if (others && classes_[name].size() == 1 && below(2) == 0) {
      said.name_kind = below(2) == 0 ? "verified" : "unverified";
      said.client_name = "host." + fresh();
    }
    const Members& greeted = classes_[helo][values[helo]];
    said.helo = renamed_to(greeted.name, greeted, said, others);
    said.early = classes_[early][values[early]].early;
    if (others && classes_[early].size() == 1) {
      said.early = static_cast<app::Early>(below(app::early_words.size()));
    }
    const Members& from_address = classes_[sender][values[sender]];
    if (!from_address.null) said.sender = mailbox(from_address, said, others);
    const Members& to = classes_[rcpt][values[rcpt]];
    if (to.null) throw Wrong("a recipient is no address");
    said.recipient = mailbox(to, said, others);
    return said;
  }

  /// A word that nobody has written.
  std::string fresh() { return fmt::format("m{}q", 100'000 + below(900'000)); }

  IpAddress member_of(const Members& from) {
    auto first = number_of(from.first);
    const auto last = number_of(from.last);
    switch (below(3)) {
      case 0:
        return from.first;
      case 1:
        return from.last;
      default:
        break;
    }
    bool above = false;  // the lowest, and the octets after the first that differs are any
    bool under = false;
    for (std::size_t at = 0; at < 16; ++at) {
      const unsigned low = above ? 0 : first[at];
      const unsigned high = under ? 255 : last[at];
      const auto octet = static_cast<std::uint8_t>(low + below(high - low + 1));
      above = above || octet > first[at];
      under = under || octet < last[at];
      first[at] = octet;
    }
    return address_of(first, from.first.is_v4());
  }

  /// The name itself, or one of the others that it stands for.
  std::string renamed_to(const std::string& text, const Members& members, Said& said, bool others) {
    if (!others || (members.below.empty() && !members.other)) return text;
    const std::string made = members.other ? "a." + fresh() : fresh() + "." + members.below;
    said.renamed.emplace_back(made, lower(text));
    return made;
  }

  mail::Mailbox mailbox(const Members& members, Said& said, bool others) {
    mail::Mailbox made{members.local_part, renamed_to(members.name, members, said, others)};
    const bool any = members.local.empty();
    if (others && (any || members.extended)) {
      // The delimiter stands behind the local part, and perhaps behind a quote.
      const std::size_t delimiter = members.local.size() + (members.quoted ? 1 : 0);
      std::string local = members.extended
                              ? members.local + members.local_part.substr(delimiter, 1) + fresh()
                              : fresh();
      // owner_request_special tells these apart.
      constexpr std::string_view request = "-request";
      if (members.extended && members.local_part.ends_with(request)) local += request;
      if (members.quoted) local = "\"" + local + " q\"";
      said.renamed.emplace_back(local, lower(made.local_part));
      made.local_part = local;
    }
    return made;
  }

  // Words of the versions: each is of some class, and is judged as this class is.

  /// Texts that the patterns of a table may find: "/^a[0-9]@/ REJECT", "%^a%i REJECT".
  static void add_samples(std::string_view text, std::set<std::string>& words) {
    constexpr std::size_t most = 3;  // of a pattern
    constexpr std::string_view before = " \t\r\n{!";
    constexpr std::string_view no_delimiters = " {}\\";
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char sign = text[at];
      const bool may_begin = is_printable_ascii(sign) && !is_alnum(sign) &&
                             no_delimiters.find(sign) == std::string_view::npos &&
                             (at == 0 || before.find(text[at - 1]) != std::string_view::npos);
      if (!may_begin) continue;
      const std::size_t begin = at + 1;
      std::size_t end = begin;
      while (end < text.size() && text[end] != sign && text[end] != '\n') {
        end += text[end] == '\\' && end + 1 < text.size() ? 2 : 1;
      }
      if (end >= text.size() || text[end] == '\n') continue;
      const auto samples = samples_of(text.substr(begin, end - begin));
      words.insert(samples.begin(),
                   samples.begin() + static_cast<std::ptrdiff_t>(std::min(most, samples.size())));
    }
  }

  std::set<std::string> words_of_versions() const {
    std::set<std::string> words;
    const std::function<void(const json::value&)> collect = [&](const json::value& value) {
      if (value.is_object()) {
        const json::object& object = value.get_object();
        if (object.size() == 1 && object.contains("base64")) {
          collect(json::value(policy::octets_of(value)));
          return;
        }
        for (const auto& [key, inner] : object) {
          if (key != "places") collect(inner);
        }
      } else if (value.is_array()) {
        for (const json::value& inner : value.get_array()) collect(inner);
      } else if (value.is_string()) {
        add_samples(value.get_string(), words);
        const std::string text = lower(std::string(value.get_string()));
        constexpr std::string_view ends = " \t\r\n,{}=\"'|!";
        for (std::size_t at = 0; at < text.size();) {
          const std::size_t end = std::min(text.find_first_of(ends, at), text.size());
          if (end > at && end - at < 255) words.insert(text.substr(at, end - at));
          at = end + 1;
        }
      }
    };
    for (const CertifiedVersion* version : versions_) {
      collect(json::parse(version->lists->definition));
    }
    return words;
  }

  /// Addresses in and around a network, in the forms of tables and mynetworks: "10.1.0.0/16",
  /// "[2001:db8::]/32", "10.1", "2001:db8". Empty: it is none.
  static std::vector<IpAddress> clients_near(const std::string& word) {
    std::string text = word;
    std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
    const std::size_t slash = text.find('/');
    std::optional<std::uint64_t> bits;
    if (slash != std::string::npos) {
      bits = parse_number(text.substr(slash + 1));
      text.resize(slash);
    }
    auto address = IpAddress::from_text(text);
    if (!address && !bits) {
      const char sign = text.find(':') == std::string::npos ? '.' : ':';
      const auto groups = static_cast<std::uint64_t>(std::ranges::count(text, sign) + 1);
      std::string filled = text;
      if (sign == ':') {
        filled += "::";
      } else {
        for (auto more = groups; more < 4; ++more) filled += ".0";
      }
      address = IpAddress::from_text(filled);
      bits = groups * (sign == ':' ? 16 : 8);
    }
    if (!address) return {};
    std::vector<IpAddress> near{*address};
    if (bits && *bits <= static_cast<std::uint64_t>(address->bits())) {
      const AddressRange range = range_of(Cidr(*address, static_cast<int>(*bits)));
      near = {range.first, range.last};
      if (const auto next = plan::after(range.last)) near.push_back(*next);
    }
    return near;
  }

  void play_clients(const std::vector<IpAddress>& near) {
    const int times = times_a_word();
    for (const IpAddress& one : near) {
      const auto found = std::ranges::find_if(classes_[client], [&](const Members& members) {
        return members.first.is_v4() == one.is_v4() && members.first <= one && one <= members.last;
      });
      if (found == classes_[client].end()) continue;
      for (int i = 0; i < times; ++i) {
        Said said = drawn_with(client, static_cast<std::size_t>(found - classes_[client].begin()));
        said.client = one;
        play(said, false);
      }
    }
  }

  /// The client logs in with this name.
  void play_login(const std::string& login) {
    const std::vector<Members>& all = classes_[session];
    auto found = std::ranges::find(all, std::optional(login), &Members::login);
    if (found == all.end()) found = std::ranges::find(all, true, &Members::any);
    // Where no class has a login, it is that none decides.
    const bool none =
        std::ranges::none_of(all, [](const auto& one) { return one.login.has_value(); });
    if (found == all.end() && none) found = std::ranges::find(all, true, &Members::tls);
    if (found == all.end() && none) found = all.begin();
    if (found == all.end()) return;
    const int times = times_a_word();
    for (int i = 0; i < times; ++i) {
      Said said = drawn_with(session, static_cast<std::size_t>(found - all.begin()));
      said.login = login;
      play(said, false);
    }
  }

  /// How often each word is played in a part of the dialogue: more often where there are few.
  int times_a_word() const {
    constexpr std::size_t all = 20'000;
    return static_cast<int>(std::clamp<std::size_t>(all / (words_.size() + 1), 4, 40));
  }

  void play_word(const std::string& word) {
    if (!in_time()) return;
    play_clients(clients_near(word));
    if (IpAddress::from_text(word.substr(0, word.find('/')))) return;
    const int times = times_a_word();
    const std::size_t at = word.rfind('@');
    if (at == std::string::npos || at + 1 < word.size()) play_login(word);
    const std::string local = at == std::string::npos ? "" : word.substr(0, at);
    std::string domain = at == std::string::npos ? word : word.substr(at + 1);
    if (domain.starts_with('.')) domain.erase(0, 1);
    const bool is_label = domain.find('.') == std::string::npos;
    // "anna@" is anna anywhere, and so may be "anna".
    const std::string alone = domain.empty() ? local : local.empty() && is_label ? domain : "";
    // A route has no class of its own here.
    const bool is_word = !alone.empty() && alone.find_first_of("%!\"") == std::string::npos &&
                         mail::parse_mailbox(alone + "@a.test", mail::Utf8::allowed);
    for (int i = 0; i < times && is_word; ++i) {
      for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) {
        play_address(axis, alone, "a." + fresh());
        const std::string& known = classes_[axis][below(classes_[axis].size())].name;
        const bool is_plain =
            known.find('.') != std::string::npos && !ends_in_number(known) && known.front() != '[';
        if (is_plain) play_address(axis, alone, known);
      }
    }
    for (int i = 0; i < times && at == 0; ++i) {
      const std::string where = domain.empty() ? "a." + fresh() : domain;
      for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) {
        play_address(axis, "\"\"", where);
      }
    }
    if (!mail::Domain::parse(domain)) return;
    if (is_label && domain.find('_') != std::string::npos) return;  // a name of a rule, no host's
    for (int i = 0; i < times; ++i) {
      for (const std::string& one : {domain, fresh() + "." + domain}) {
        if (local.empty()) play_name(one);
        play_address(sender, local, one);
        play_address(rcpt, local, one);
      }
    }
  }

  Said drawn_with(std::size_t axis, std::size_t value, bool others = false) {
    // Half of the mail is for this host: what refuses it shows there alone.
    const bool is_for_us = axis != rcpt && !own_.empty() && below(2) == 0;
    for (;;) {
      std::vector<std::size_t> values;
      for (std::size_t variable = 0; variable < axes + questions_.size(); ++variable) {
        values.push_back(below(2) == 0 ? 0 : below(values_of(variable)));
      }
      values[axis] = value;
      if (is_for_us) values[rcpt] = own_[below(own_.size())];
      if (!contradicts(values)) return said_by(values, others);
    }
  }

  // Routes: an address with one through a domain of both versions is the address that it leads to,
  // but where a class says that it is read in place of another.

  /// Plays addresses of all classes with such a route, with a domain and without one.
  void play_routes(std::size_t axis) {
    const auto in_both = [&](const auto& holds) { return std::ranges::all_of(lists_, holds); };
    std::set<std::string> hops;
    for (const Members& one : classes_[axis]) {
      const bool is_one = !one.null && !one.other && one.below.empty() && !one.name.empty();
      if (is_one && in_both([&](const ListPolicy* lists) { return takes(*lists, one.name); })) {
        hops.insert(one.name);
      }
    }
    if (in_both([](const ListPolicy* lists) { return takes(*lists, lists->myorigin); })) {
      hops.insert("");
    }
    std::string signs = "@";
    if (in_both([](const ListPolicy* lists) { return lists->allow_percent_hack; })) signs += '%';
    if (in_both([](const ListPolicy* lists) { return lists->swap_bangpath; })) signs += '!';
    if (hops.empty()) return;
    if (hops.upper_bound("") != hops.end()) {
      play_no_host(axis, {hops.upper_bound(""), hops.end()});
    }
    std::vector<std::size_t> plain;
    for (std::size_t at = 0; at < classes_[axis].size(); ++at) {
      const Members& one = classes_[axis][at];
      const bool has_route = one.local_part.find_first_of("@%!") != std::string::npos;
      if (!one.null && !one.read && !one.name.empty() && !has_route) plain.push_back(at);
    }
    const std::vector<std::string> through(hops.begin(), hops.end());
    constexpr std::size_t most = 2000;
    for (std::size_t i = 0; i < most && in_time(); ++i) {
      const std::size_t at = i < plain.size() ? plain[i] : plain[below(plain.size())];
      // The first is none, where that is one.
      const std::string& hop = through[below(2) == 0 ? 0 : below(through.size())];
      play_route(axis, at, hop, signs[below(signs.size())]);
    }
  }

  /// Plays addresses with a route to an empty host, which are read as `local@`.
  void play_no_host(std::size_t axis, const std::vector<std::string>& through) {
    std::vector<std::size_t> ends;
    for (std::size_t at = 0; at < classes_[axis].size(); ++at) {
      const auto& read = classes_[axis][at].read;
      if (read && read->domain.empty()) ends.push_back(at);
    }
    constexpr std::size_t most = 500;
    for (std::size_t i = 0; i < most && in_time() && !ends.empty(); ++i) {
      const std::size_t at = ends[below(ends.size())];
      Said said = drawn_with(axis, at, below(2) == 0);
      mail::Mailbox& mailbox = axis == sender ? *said.sender : said.recipient;
      const std::string routed = classes_[axis][at].read->local_part + "@";
      mailbox = {mail::quoted_local_part(routed), through[below(through.size())]};
      if (!mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed)) continue;
      play(said, false);
    }
  }

  static bool takes(const ListPolicy& lists, const std::string& domain) {
    return lists.domain_class(policy::completed_domain(domain, lists.appended_domain())) ==
           restrictions::DomainClass::local;
  }

  void play_route(std::size_t axis, std::size_t at, const std::string& hop, char sign) {
    Said said = drawn_with(axis, at, below(2) == 0);
    mail::Mailbox& mailbox = axis == sender ? *said.sender : said.recipient;
    // Through a domain of one label back to that domain: it is read as it is written.
    const auto leads_back = [&](const ListPolicy* lists) {
      return iequals(policy::completed_domain(hop, lists->appended_domain()), mailbox.domain);
    };
    if (!hop.empty() && hop.find('.') == std::string::npos &&
        std::ranges::any_of(lists_, leads_back)) {
      return;
    }
    const std::string local = mailbox.unquoted_local_part();
    const std::string routed =
        sign == '!' ? mailbox.domain + "!" + local : local + sign + mailbox.domain;
    mailbox = {mail::quoted_local_part(routed), hop};
    if (!mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed)) return;
    const auto read_at = read_as(axis, at, hop.empty());
    // Without a domain it is never fully qualified. Where that is not asked, it is the same as one
    // with a domain.
    const auto with_domain = hop.empty() && !read_at ? read_as(axis, at, false) : read_at;
    said.classes[axis] = with_domain.value_or(at);
    play(said, false);
  }

  /// The class of addresses that are read in place of those of a class; nullopt: there is none.
  std::optional<std::size_t> read_as(std::size_t axis, std::size_t at, bool bare) const {
    const Members& to = classes_[axis][at];
    const auto found = std::ranges::find_if(classes_[axis], [&](const Members& one) {
      return one.read && one.name.empty() == bare && one.read->local_part == to.local_part &&
             iequals(one.read->domain, to.name);
    });
    if (found == classes_[axis].end()) return std::nullopt;
    return static_cast<std::size_t>(found - classes_[axis].begin());
  }

  /// The classes of one axis whose names these are, the closest first; empty: none.
  template <class Fits>
  std::vector<std::size_t> classes_with(std::size_t axis, const std::string& domain,
                                        const Fits& fits) const {
    std::vector<std::size_t> found;
    std::size_t best = 0;
    // Forms that no other name has: of one label, and with a number at the end.
    const bool is_label = domain.find('.') == std::string::npos;
    const bool has_number = !is_label && ends_in_number(domain);
    const auto stands_for_form = [&](const Members& one) {
      // Not one that a version names, perhaps as what it completes the name to.
      const auto is_named = [&](const ListPolicy* lists) {
        const std::string whole =
            policy::completed_domain(lower(one.name), lists->appended_domain());
        return words_.contains(whole) ||
               lists->domain_class(lower(one.name)) != restrictions::DomainClass::foreign ||
               lists->domain_class(whole) != restrictions::DomainClass::foreign;
      };
      if (one.name.empty() || one.name.starts_with('[') || words_.contains(one.name) ||
          std::ranges::any_of(lists_, is_named)) {
        return false;
      }
      return is_label ? !ends_in_number(domain) && one.name.find('.') == std::string::npos
                      : has_number && (axis == helo && is_number(domain)
                                           ? is_number(one.name) && one.name.back() != '.' &&
                                                 !IpAddress::from_text(one.name)
                                           : has_number_last(one.name));
    };
    for (std::size_t at = 0; at < classes_[axis].size(); ++at) {
      const Members& one = classes_[axis][at];
      const bool is_address = axis == sender || axis == rcpt;
      if ((is_address && one.null) || !fits(one)) continue;
      std::size_t rank = 0;
      if (one.other) {
        rank = is_label || has_number ? 0 : 1;
      } else if (stands_for_form(one)) {
        rank = 1;
      } else if (!one.below.empty()) {
        if (domain != one.below && domain_below(domain, one.below)) rank = 1 + one.below.size();
      } else if (iequals(domain, one.name)) {
        rank = 1000;
      }
      if (rank == 0 || rank < best) continue;
      if (rank > best) found.clear();
      best = rank;
      found.push_back(at);
    }
    return found;
  }

  void play_name(const std::string& domain) {
    for (const std::size_t at : classes_with(helo, domain, [](const Members&) { return true; })) {
      Said said = drawn_with(helo, at);
      rename(said.helo, domain, said);
      play(said, false);
    }
    for (const std::size_t at : classes_with(name, domain, [](const Members& one) {
           return !one.name.empty() && !one.like_network;
         })) {
      Said said = drawn_with(name, at);
      rename(said.client_name, domain, said);
      play(said, false);
    }
  }

  void play_address(std::size_t axis, const std::string& local, const std::string& domain) {
    std::vector<std::size_t> found;
    if (!local.empty()) {
      found = classes_with(axis, domain, [&](const Members& one) {
        return !one.extended && iequals(one.local, local);
      });
    }
    // Where a class has the local part with a domain that fits better, or only without it.
    const auto any =
        classes_with(axis, domain, [](const Members& one) { return one.local.empty(); });
    if (any.empty() && domain.find('.') != std::string::npos && !ends_in_number(domain)) {
      throw Wrong("no class has addresses at " + domain);
    }
    if (any.empty()) return;
    if (found.empty() || classes_[axis][any.front()].below != classes_[axis][found.front()].below ||
        classes_[axis][any.front()].other != classes_[axis][found.front()].other) {
      found = any;
    }
    for (const std::size_t at : found) {
      if (classes_[axis][at].winding) continue;
      Said said = drawn_with(axis, at);
      mail::Mailbox& mailbox = axis == sender ? *said.sender : said.recipient;
      const bool is_any = classes_[axis][at].local.empty();
      if (is_any && !local.empty()) {
        const bool in_quotes = local.starts_with('"');
        const bool has_other = std::ranges::any_of(
            found, [&](std::size_t one) { return classes_[axis][one].quoted == in_quotes; });
        if (classes_[axis][at].quoted != in_quotes && has_other) continue;
        const std::size_t delimiter =
            local.find_first_of(lists_[0]->recipient_delimiter + lists_[1]->recipient_delimiter);
        if (delimiter != std::string::npos) continue;  // an extension, perhaps
        if (!mail::parse_mailbox(local + "@" + domain, mail::Utf8::allowed)) continue;
        rename(mailbox.local_part, local, said);
      }
      rename(mailbox.domain, domain, said);
      // The session itself refuses what it cannot read.
      if (!mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed)) continue;
      play(said, false);
    }
  }

  /// Puts another member in place of the one that stands for it.
  void rename(std::string& text, const std::string& member, Said& said) {
    if (!iequals(text, member)) said.renamed.emplace_back(lower(member), lower(text));
    text = member;
  }

  // Evaluation.

  void play(const Said& said, bool stands_for_all) {
    if (taken_first(said.recipient) || confuses(said)) return;
    std::array<std::string, 2> fates;
    try {
      fates = fates_of(said);
    } catch (const NotAsked& asked) {
      if (!stands_for_all || has_rules_) return;
      throw Wrong(
          fmt::format("it lacks a question that is asked, {}: {}", asked.what(), said.text()));
    }
    ++result_.dialogues;
    const std::string kind = fates[0] == fates[1]    ? ""
                             : fates[1] == "refused" ? "refuses_more"
                             : fates[0] == "refused" ? "accepts_more"
                                                     : "handling";
    // No claim is about a dialogue that both judge alike; one with a route must have it all the
    // same.
    const bool tells = !kind.empty() || classes_[rcpt][said.classes[rcpt]].winding;
    const std::string group = tells ? group_of(said) : std::string();
    const auto takes = [&](const CertifiedVersion* one) {
      return one->takes_literal && one->takes_literal(said.recipient);
    };
    const bool goes_nowhere =
        said.recipient.domain.starts_with('[') && std::ranges::none_of(versions_, takes);
    const bool forbidden = goes_nowhere         ? false
                           : kind == "handling" ? same_handling_ && group != "winding"
                                                : never_.contains({group, kind});
    const auto words = [&] {
      return fmt::format("old {}, new {}: {}", fates[0], fates[1], said.text());
    };
    if (!kind.empty() && forbidden) throw Wrong("its claim is wrong: " + words());
    std::set<std::uint32_t> leaves;
    std::set<std::uint32_t> seen;
    reach(static_cast<std::uint32_t>(nodes_.size() - 1), said, seen, leaves);
    // Of several leaves, one is that of this dialogue.
    const bool fits = std::ranges::any_of(leaves, [&](std::uint32_t at) {
      const Node& node = nodes_[at];
      return node.impossible ? leaves.size() > 1
                             : node.before == fates[0] && node.after == fates[1];
    });
    if (fits) return;
    const Node& node = nodes_[*leaves.begin()];
    if (node.impossible) throw Wrong("it calls impossible what can be said: " + words());
    throw Wrong(fmt::format("its diagram says old {}, new {}; decided was {}", node.before,
                            node.after, words()));
  }

  /// Whether a name that stands for itself has in it one that is put for another: questions about
  /// it would be taken for questions about the other.
  bool confuses(const Said& said) const {
    const auto clear = [&](const std::string& text, const std::string& known) {
      return std::ranges::all_of(said.renamed, [&](const auto& one) {
        return place_of(one.first, lower(text), 0) == std::string::npos ||
               lower(known) == one.second || lower(text).find(lower(known)) == std::string::npos;
      });
    };
    const auto name_of = [&](std::size_t axis) { return classes_[axis][said.classes[axis]].name; };
    const auto local_of = [&](std::size_t axis) {
      return classes_[axis][said.classes[axis]].local_part;
    };
    // Questions about an address without a domain are about that of this host.
    const bool is_bare =
        (said.sender && said.sender->domain.empty()) || said.recipient.domain.empty();
    const auto origin_is_clear = [&](const ListPolicy* lists) {
      return clear(lists->myorigin, lists->myorigin);
    };
    return (is_bare && !std::ranges::all_of(lists_, origin_is_clear)) ||
           !clear(said.client_name, name_of(name)) || !clear(said.helo, name_of(helo)) ||
           (said.sender && !clear(said.sender->domain, name_of(sender))) ||
           !clear(said.recipient.domain, name_of(rcpt)) ||
           // A route names a domain, too.
           (said.sender && !clear(said.sender->local_part, local_of(sender))) ||
           !clear(said.recipient.local_part, local_of(rcpt));
  }

  /// Whether the pattern is found in the dialogue; nullopt: only the evaluation knows. What the
  /// dialogue does not have is asked nowhere, so that both answers lead to the same.
  static std::optional<bool> is_found(const Question& question, const Said& said) {
    if (!question.regex) return std::nullopt;
    const bool as_written = question.pattern.starts_with(restrictions::written_question);
    std::string text;
    if (question.about.empty()) {
      text = question.text;
      for (const auto& [member, known] : said.renamed) {
        const std::size_t at = place_of(known, lower(text), 0);
        if (at == std::string::npos) continue;
        text.replace(at, known.size(), member);
        if (place_of(known, lower(text), at + member.size()) != std::string::npos) {
          return std::nullopt;
        }
      }
    } else if (question.about == "the client's address") {
      text = said.client.to_string();
    } else if (question.about == "the client's name") {
      text = said.client_name;
    } else if (question.about == "the name in HELO") {
      text = said.helo;
    } else if (question.about == "the login") {
      text = said.login.value_or("");
    } else {
      const bool of_sender = question.about.find("sender") != std::string::npos;
      if (of_sender && !said.sender) return false;
      const mail::Mailbox& mailbox = of_sender ? *said.sender : said.recipient;
      const std::string local = mailbox.unquoted_local_part();
      const std::string& domain = mailbox.domain;
      // Completed, or led elsewhere, as the version has it.
      if (domain.find_first_of(".[") == std::string::npos ||
          local.find_first_of("%!@") != std::string::npos) {
        return std::nullopt;
      }
      const std::string_view words = question.about;
      text = words.starts_with("the local part") ? local
             : words.starts_with("@ and")        ? "@" + domain
             : words.ends_with("domain")         ? domain
             : words.ends_with("in quotes")      ? mail::quoted_local_part(local) + "@" + domain
                                                 : local + "@" + domain;
    }
    const auto outcome = question.regex->match(as_written ? text : lower(text));
    if (outcome == dialect::Regex::Outcome::failed) return std::nullopt;
    return outcome == dialect::Regex::Outcome::yes;
  }

  /// The leaves of a dialogue; where only the evaluation knows the answer, those of each.
  void reach(std::uint32_t at, const Said& said, std::set<std::uint32_t>& seen,
             std::set<std::uint32_t>& leaves) const {
    if (!seen.insert(at).second) return;
    const Node& node = nodes_[at];
    if (node.children.empty()) {
      leaves.insert(at);
    } else if (node.variable < axes) {
      reach(node.children[said.classes[node.variable]], said, seen, leaves);
    } else if (questions_[node.variable - axes].free) {
      const auto yes = is_found(questions_[node.variable - axes], said);
      if (yes) return reach(node.children[*yes ? 1 : 0], said, seen, leaves);
      for (const std::uint32_t child : node.children) reach(child, said, seen, leaves);
    } else {
      reach(node.children[said.answers[node.variable - axes]], said, seen, leaves);
    }
  }

  /// Mail that is taken before any list is asked.
  bool taken_first(const mail::Mailbox& recipient) const {
    return policy::is_bare_postmaster(recipient) ||
           std::ranges::any_of(lists_, [&](const ListPolicy* lists) {
             return lists->verification.may_be_probe_sender(recipient);
           });
  }

  /// Whether an address with a route is in no group: it leads to one at or below a domain of ours
  /// or to a literal, or through a name below such a domain. Others have a group, whatever the
  /// certificate says.
  bool winds(const Members& members, const mail::Mailbox& recipient) const {
    using restrictions::DomainClass;
    const auto is_ours = [&](const std::string& domain) {
      return std::ranges::any_of(lists_, [&](const ListPolicy* lists) {
        const DomainClass found =
            lists->domain_class(policy::completed_domain(domain, lists->appended_domain()));
        return members.read ? found == DomainClass::local : found != DomainClass::foreign;
      });
    };
    if (members.read) return is_ours(lower(members.read->domain));
    const auto is_below = [&](const std::string& name) {
      for (std::size_t dot = name.find('.'); dot != std::string::npos;
           dot = name.find('.', dot + 1)) {
        if (is_ours(name.substr(dot + 1))) return true;
      }
      return false;
    };
    const std::string local = lower(recipient.unquoted_local_part());
    for (std::size_t at = local.find_first_of("%!@"); at != std::string::npos;
         at = local.find_first_of("%!@", at + 1)) {
      const std::string target = local[at] == '!' ? local.substr(0, at) : local.substr(at + 1);
      if (target.starts_with('[') || is_ours(target) || is_below(target)) return true;
    }
    const std::string hop = lower(recipient.domain);
    return !words_.contains(hop) && is_below(hop);
  }

  std::string group_of(const Said& said) const {
    const Members& members = classes_[rcpt][said.classes[rcpt]];
    if (members.winding) {
      if (said.recipient.local_part.find_first_of("%!@") == std::string::npos) {
        throw Wrong("a recipient has no route: " + said.recipient.text());
      }
      if (winds(members, said.recipient)) return "winding";
    }
    Evidence evidence;
    evidence.candidate = policy::Recipient{.address = said.recipient, .route = {}};
    for (const ListPolicy* lists : lists_) {
      switch (restrictions::destination_of(*lists, evidence)) {
        case restrictions::Destination::ours:
          return "ours";
        case restrictions::Destination::relay:
          return "relay";
        case restrictions::Destination::foreign:
          break;
      }
    }
    return "foreign";
  }

  /// A moment at which lists are judged.
  struct Moment {
    Stage stage;
    bool after_starttls = true;
  };

  /// What becomes of the dialogue in each version: the straight one, which the first refusal ends.
  /// Both get the same answers.
  std::array<std::string, 2> fates_of(const Said& said) const {
    constexpr std::array<Moment, 7> moments{{{Stage::connect},
                                             {Stage::helo, false},
                                             {Stage::helo},
                                             {Stage::mail},
                                             {Stage::rcpt},
                                             {Stage::data},
                                             {Stage::message}}};
    std::array<std::string, 2> fates{"deliver", "deliver"};
    Evidence evidence;
    for (const Moment& moment : moments) {
      bool is_built = false;
      for (std::size_t side = 0; side < 2; ++side) {
        const ListPolicy& lists = *lists_[side];
        std::string& fate = fates[side];
        if (fate == "refused") continue;
        if (moment.stage == Stage::mail && lists.helo_required && said.helo.empty()) {
          fate = "refused";
          continue;
        }
        const bool is_asked = layers_[side]->speaks_at(moment.stage);
        const bool has_no_name = moment.stage == Stage::helo &&
                                 (said.helo.empty() || (moment.after_starttls && !said.tls));
        const bool is_over = fate == "discard" && moment.stage >= Stage::rcpt;
        if (!is_asked || has_no_name || is_over) continue;
        if (!is_built) {
          Evidence next = evidence_at(said, moment.stage, moment.after_starttls);
          next.dns = std::move(evidence.dns);
          next.consulted = std::move(evidence.consulted);
          evidence = std::move(next);
          is_built = true;
        }
        const auto result = evaluated(lists, said, moment.stage, evidence);
        // RFC 3207 §4.2: of a HELO in front of STARTTLS only a refusal counts.
        const bool is_forgotten = moment.stage == Stage::helo && !moment.after_starttls && said.tls;
        if (result.reply.code != 0) {
          fate = "refused";
        } else if (result.discard) {
          fate = "discard";
        } else if (result.hold && !is_forgotten && fate != "discard") {
          fate = "hold";
        }
      }
    }
    return fates;
  }

  restrictions::Evaluated evaluated(const ListPolicy& lists, const Said& said, Stage stage,
                                    Evidence& evidence) const {
    constexpr int most = 2000;
    for (int round = 0; round < most; ++round) {
      auto result = restrictions::evaluate(lists, evidence, stage);
      if (result.complete()) return result;
      if (result.wanted_dns) {
        evidence.dns.push_back({*result.wanted_dns, answer_to(*result.wanted_dns, said)});
      } else if (result.wanted_service) {
        evidence.consulted.push_back(answer_to(*result.wanted_service, said));
      } else {
        break;
      }
    }
    throw NotAsked("without end");
  }

  static Evidence evidence_at(const Said& said, Stage stage, bool after_starttls) {
    Evidence evidence;
    policy::SessionFacts& facts = evidence.session;
    facts.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    facts.client_ip = said.client;
    facts.client_port = 40'000;
    facts.server_ip = IpAddress::v4(0xc0000219);  // 192.0.2.25
    facts.server_port = 25;
    facts.esmtp = true;
    facts.early_talker = app::is_early(said.early, stage, after_starttls);
    if (stage == Stage::connect) return evidence;
    facts.helo = said.helo;
    if (said.tls && after_starttls) facts.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
    if (stage < Stage::mail) return evidence;
    if (said.login) {
      policy::Authentication identity;
      identity.username = identity.authz_id = *said.login;
      identity.mechanism = "PLAIN";
      facts.auth = std::move(identity);
    }
    evidence.reverse_path = said.sender;
    const policy::Recipient recipient{.address = said.recipient, .route = {}};
    if (stage == Stage::rcpt) evidence.candidate = recipient;
    if (stage > Stage::rcpt) evidence.recipients.push_back(recipient);
    if (stage == Stage::message) evidence.message = policy::MessageFacts{.size = 100};
    return evidence;
  }

  static dns::Answer answer_of(const json::object& said) {
    if (is(said, "failed")) return {.status = dns::Status::server_failure, .records = {}};
    dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
    for (const json::value& record : said.at("records").as_array()) {
      answer.records.emplace_back(record.as_string());
      answer.status = dns::Status::found;
    }
    return answer;
  }

  dns::Answer answer_to(const dns::Question& asked, const Said& said) const {
    const dns::Answer none{.status = dns::Status::nx_domain, .records = {}};
    const std::string asked_name = lower(asked.name);
    const std::string reverse = policy::reverse_name(said.client);
    if (asked.type == dns::Type::txt) return none;  // texts decide nothing
    if (asked.type == dns::Type::ptr && asked_name == reverse) {
      if (said.name_kind == "trouble")
        return {.status = dns::Status::server_failure, .records = {}};
      if (said.name_kind == "none") return none;
      return {.status = dns::Status::found, .records = {said.client_name}};
    }
    const dns::Type own = said.client.is_v4() ? dns::Type::a : dns::Type::aaaa;
    const bool of_client = asked.type == own && iequals(asked_name, said.client_name);
    if (of_client && said.name_kind == "verified") {
      return {.status = dns::Status::found, .records = {said.client.to_string()}};
    }
    std::string client_part = reverse;
    client_part.resize(client_part.find(said.client.is_v4() ? ".in-addr." : ".ip6."));
    const std::string stood_for = stands_for(asked_name, said);
    // One about the name itself may be about another part of the dialogue.
    for (const bool as_stood_for : {true, false}) {
      for (std::size_t at = 0; at < questions_.size(); ++at) {
        const Question& question = questions_[at];
        bool same = question.type == dns::to_string(asked.type) && question.name == stood_for;
        if (!question.zone.empty()) {
          // The zone is what the rule says, whatever stands in it.
          const std::string ending = "." + question.zone;
          const bool is_in = asked.type == dns::Type::a && asked_name.ends_with(ending);
          const std::string about =
              is_in ? asked_name.substr(0, asked_name.size() - ending.size()) : std::string();
          const std::string of = question.of == "%client" ? client_part : question.of;
          same = is_in && (as_stood_for ? stands_for(about, said) : about) == of;
        }
        if (same) return answer_of(question.answers[said.answers[at]]);
      }
    }
    if (of_client && said.name_kind == "unconfirmed") {
      return {.status = dns::Status::server_failure, .records = {}};
    }
    if (of_client) return none;
    const std::string name = fmt::format("{} {}", dns::to_string(asked.type), asked_name);
    if (!has_rules_) throw NotAsked(name);
    switch (drawn_for(name, said, 4)) {
      case 0:
        return none;
      case 1:
        return {.status = dns::Status::server_failure, .records = {}};
      default:
        return {.status = dns::Status::found, .records = {drawn_record(asked.type, name, said)}};
    }
  }

  /// What nobody but a rule that is a question asks: the same for both versions in a dialogue.
  static std::size_t drawn_for(const std::string& asked, const Said& said, std::size_t limit) {
    return std::hash<std::string>{}(asked + said.text()) % limit;
  }
  static std::string drawn_record(dns::Type type, const std::string& name, const Said& said) {
    switch (type) {
      case dns::Type::a:
        return fmt::format("{}{}", drawn_for(name, said, 3) == 0 ? "192.0.2." : "127.0.0.",
                           2 + drawn_for("octet " + name, said, 100));
      case dns::Type::aaaa:
        return fmt::format("2001:db8::{}", 1 + drawn_for(name, said, 100));
      case dns::Type::mx:
        return drawn_for("null " + name, said, 3) == 0 ? "0 ." : "10 mx.drawn.test";
      default:
        return "host.drawn.test";
    }
  }

  policy::Consultation answer_to(policy::Consultation asked, const Said& said) const {
    const bool verifies = policy::is_verification(asked.service);
    const bool by_request = verifies || restrictions::is_remote_table(asked.service);
    // A policy server is told all of the dialogue: what it is asked is the command.
    const auto line = [&](std::string_view key) {
      const std::string start = "\n" + std::string(key) + "=";
      const std::size_t at = asked.request.find(start);
      if (at == std::string::npos) return std::string();
      return asked.request.substr(at + 1, asked.request.find('\n', at + 1) - at - 1);
    };
    const std::string state = line("protocol_state");
    std::string key = asked.service + " " + state + " " + line("policy_context");
    // There may be two EHLO (RFC 3207 §4.2).
    const bool in_tls = line("encryption_protocol") != "encryption_protocol=";
    if ((state.ends_with("=HELO") || state.ends_with("=EHLO")) && in_tls) key += " after STARTTLS";
    const std::string request = stands_for(
        verifies ? std::string(policy::verified_address(asked.request)) : asked.request, said);
    for (std::size_t at = 0; at < questions_.size(); ++at) {
      const Question& question = questions_[at];
      if (question.service != asked.service) continue;
      if (by_request ? question.request != request : question.key != key) continue;
      const json::object& answer = question.answers[said.answers[at]];
      asked.answer = text_in(answer, "answer");
      asked.failed = is(answer, "failed");
      if (const std::size_t own = asked.answer.find(own_login); own != std::string::npos) {
        asked.answer.replace(own, own_login.size(), said.login.value_or(","));
      }
      return asked;
    }
    if (!has_rules_) throw NotAsked(asked.service);
    constexpr std::array<std::string_view, 5> of_servers{"DUNNO", "OK", "REJECT", "DEFER", ""};
    constexpr std::array<std::string_view, 5> of_tables{"absent", "found OK", "found REJECT",
                                                        "found DUNNO", ""};
    constexpr std::array<std::string_view, 4> of_mailboxes{"deliverable", "undeliverable",
                                                           "deferred", ""};
    const std::span<const std::string_view> drawn =
        verifies     ? std::span<const std::string_view>(of_mailboxes)
        : by_request ? std::span<const std::string_view>(of_tables)
                     : std::span<const std::string_view>(of_servers);
    asked.answer = drawn[drawn_for(asked.service + " " + request, said, drawn.size())];
    asked.failed = asked.answer.empty();
    if (asked.failed) asked.answer = "no answer";
    return asked;
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

  /// Where a name or a local part stands in a text, at `begin` or behind it; npos: nowhere. In the
  /// middle of a word it does not.
  static std::size_t place_of(std::string_view member, std::string_view text, std::size_t begin) {
    const auto joins = [&](std::size_t at) {
      return at < text.size() && (is_alnum(text[at]) || text[at] == '-' || text[at] == '_');
    };
    for (std::size_t at = begin; (at = text.find(member, at)) != std::string_view::npos; ++at) {
      const bool is_apart = (at == 0 || !joins(at - 1)) && !joins(at + member.size());
      if (is_apart) return at;
    }
    return std::string_view::npos;
  }

  /// The question with the members that stand for those which were said.
  static std::string stands_for(std::string text, const Said& said) {
    for (const auto& [member, known] : said.renamed) {
      for (std::size_t at = 0; (at = place_of(member, text, at)) != std::string::npos;) {
        text.replace(at, member.size(), known);
        at += known.size();
      }
    }
    return text;
  }

  const std::array<const CertifiedVersion*, 2> versions_;
  const ServedSessions served_;  ///< by one of them
  const CertificateCheck options_;
  std::minstd_rand random_;
  const Clock::time_point deadline_;
  Checked result_;
  std::array<const ListPolicy*, 2> lists_{};
  /// They say at which moments the lists are asked.
  std::array<std::optional<restrictions::RestrictionsLayer>, 2> layers_;
  std::set<std::pair<std::string, std::string>> never_;  ///< group, kind
  bool same_handling_ = false;
  std::size_t lines_ = 0;            ///< after the header, as it says
  std::vector<std::size_t> chosen_;  ///< of leaf()
  restrictions::PolicyWords told_;   ///< of both, as classes are made from them
  std::set<std::string> words_;      ///< words_of_versions()
  std::vector<std::size_t> own_;     ///< classes of recipients at domains of this host, or relayed
  std::vector<std::string> by_settings_;
  bool has_rules_ = false;  ///< rules are questions: what these ask is not in the certificate
  std::array<std::vector<Members>, axes> classes_;
  std::size_t read_axes_ = 0;
  std::string axes_text_;  ///< their lines
  std::vector<Question> questions_;
  std::vector<Node> nodes_;
};

}  // namespace

Checked check_certificate(std::string_view text, const CertifiedVersion& before,
                          const CertifiedVersion& after, const CertificateCheck& options) {
  return Checker(before, after, options).run(text);
}

}  // namespace postern::plan
