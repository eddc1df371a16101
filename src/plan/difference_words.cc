#include "plan/difference_words.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "base/text.h"
#include "explain/play.h"
#include "plan/compare.h"
#include "plan/player.h"

namespace postern::plan {

namespace {

/// The names and addresses of one part of a dialogue that the cube has, or has not.
class Names {
 public:
  Names(const Vocabulary& vocabulary, Variable variable)
      : vocabulary_(vocabulary), variable_(variable) {}

  /// What a class stands for: a name, and the names that it may be.
  struct Members {
    bool listed = false;     ///< somebody names it
    int kind = 0;            ///< of a client's name
    std::string local = {};  ///< of an address that stands for itself, or for its extensions
    std::string only = {};   ///< the local part of all of them; "": they have several
    char sign = '\0';        ///< in front of extensions
    std::string name = {};   ///< in lower case; "": none
    std::string below = {};  ///< the names below this one
    bool extended = false;
    bool whole_domain = false;  ///< all addresses at `name`
    bool one_label = false;     ///< all names of one label
    bool number_last = false;   ///< all names that end in a number
  };

  /// Adds a value that is not said.
  void add(std::size_t value) {
    const Members members = of(value);
    for (std::string_view name = members.name; !name.empty();) {
      by_name_[std::string(name)].push_back(value);
      const std::size_t dot = name.find('.');
      name = dot == std::string_view::npos ? "" : name.substr(dot + 1);
    }
    if (!members.listed || members.name.empty() || members.name.starts_with('[')) return;
    if (members.name.find('.') == std::string::npos) one_label_.push_back(value);
    if (is_digit(members.name.back())) number_last_.push_back(value);
  }

  /// The values among those added that have members which the words of this one would have, too.
  std::vector<std::size_t> within(std::size_t value) const {
    const Members outer = of(value);
    std::vector<std::size_t> found;
    const auto take = [&](const std::vector<std::size_t>& values, const auto& is_within) {
      for (const std::size_t one : values) {
        if (is_within(of(one))) found.push_back(one);
      }
    };
    const auto always = [](const Members&) { return true; };
    const auto named = [&](const std::string& name) -> const std::vector<std::size_t>& {
      static const std::vector<std::size_t> none;
      const auto known = by_name_.find(name);
      return known == by_name_.end() ? none : known->second;
    };
    if (outer.extended) {
      const bool is_below = !outer.below.empty();
      take(named(is_below ? outer.below : outer.name), [&](const Members& one) {
        return (is_below ? one.name != outer.below : one.name == outer.name) &&
               one.local.starts_with(outer.local + outer.sign);
      });
    } else if (!outer.below.empty()) {
      take(named(outer.below), [&](const Members& one) {
        return one.name != outer.below && one.kind == outer.kind &&
               (outer.only.empty() || one.local == outer.only);
      });
    } else if (outer.whole_domain) {
      take(named(outer.name), [&](const Members& one) { return one.name == outer.name; });
    } else if (outer.one_label) {
      take(one_label_, always);
    } else if (outer.number_last) {
      take(number_last_, always);
    }
    return found;
  }

 private:
  Members of(std::size_t value) const {
    const Classes& classes = vocabulary_.classes();
    const auto of_address = [](const AddressClass& one) -> Members {
      if (!one.one) return {};
      const std::string local = lower(one.one->unquoted_local_part());
      const bool has_sign = one.extended && local.size() > one.local.size();
      return {.listed = one.listed,
              .local = one.extended ? lower(one.local) : local,
              .only = lower(one.local),
              .sign = has_sign ? local[one.local.size()] : '\0',
              .name = lower(one.one->domain),
              .below = lower(one.below),
              .extended = has_sign,
              .whole_domain = iequals(one.words, one.one->domain),
              .one_label = one.words == one_label_words,
              .number_last = one.words == number_last_words};
    };
    switch (static_cast<Axis>(variable_)) {
      case Axis::sender:
        return of_address(classes.senders[value]);
      case Axis::recipient:
        return of_address(classes.recipients[value]);
      case Axis::helo: {
        const HeloClass& one = classes.helos[value];
        const std::size_t dot = one.name.find('.');
        const bool is_below = one.listed && !one.exact && dot != std::string::npos;
        return {.listed = one.listed,
                .name = lower(one.name),
                .below = is_below ? lower(one.name.substr(dot + 1)) : "",
                .one_label = one.words == one_label_name,
                .number_last = one.words == number_last_name};
      }
      case Axis::name: {
        const NameClass& one = classes.names[value];
        return {.listed = one.exact,
                .kind = static_cast<int>(one.kind),
                .name = lower(one.name),
                .below = lower(one.below)};
      }
      default:
        return {};
    }
  }

  const Vocabulary& vocabulary_;
  const Variable variable_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_name_;  ///< and by each parent
  std::vector<std::size_t> one_label_;
  std::vector<std::size_t> number_last_;
};

/// Whose name this is, if it stands for names that no list has: "the sender's domain".
std::string whose(const Classes& classes, std::string_view name) {
  const auto stands_for = [&](const AddressClass& one) {
    return !one.exact && one.one && iequals(one.one->domain, name);
  };
  if (name == "%client") return "the client's address";
  if (std::ranges::any_of(classes.senders, stands_for)) return "the sender's domain";
  if (std::ranges::any_of(classes.recipients, stands_for)) return "the recipient's domain";
  const auto is_named = [&](const auto& one) { return !one.exact && iequals(one.name, name); };
  if (std::ranges::any_of(classes.helos, is_named)) return "the name in HELO";
  if (std::ranges::any_of(classes.names, is_named)) return "the client's name";
  return std::string(name);
}

/// "answer of inet:127.0.0.1:10023 to RCPT", "the pattern /^a/ in the sender", "MX of the sender's
/// domain", "zen.example about the client's address".
std::string name_of_part(const Classes& classes, const OpenQuestion& question) {
  if (question.pattern && question.about) {
    return fmt::format("{} in {}", name_of(question), words_of(*question.about));
  }
  if (question.dns && question.zone.empty()) {
    return fmt::format("{} of {}", dns::to_string(question.dns->type),
                       whose(classes, question.dns->name));
  }
  if (const std::string begin = "list " + question.zone + " "; question.name().starts_with(begin)) {
    return fmt::format("{} about {}", question.zone,
                       whose(classes, question.name().substr(begin.size())));
  }
  if (!question.service) return name_of(question);
  const std::string_view asked = app::asked_of(*question.service);
  return fmt::format("answer of {}{}{}", question.service->service, asked.empty() ? "" : " to ",
                     asked);
}

/// The condition on one part.
class PartWords {
 public:
  PartWords(const Vocabulary& vocabulary, Variable variable, const std::vector<bool>& values,
            const std::vector<bool>* among, bool helo_required)
      : vocabulary_(vocabulary),
        variable_(variable),
        values_(values),
        among_(among),
        helo_required_(helo_required),
        names_(vocabulary, variable) {}

  /// False: something is left out.
  bool run(Difference::Part& part) {
    if (variable_ == Vocabulary::variable(Axis::client)) {
      part.values = clients(true);
      std::vector<std::string> others = clients(false);
      part.negated = others.size() < part.values.size();
      if (part.negated) part.values = std::move(others);
      return true;
    }
    // An answer stands for others that do the same: only those are said that were looked at.
    const OpenQuestion* question =
        variable_ < axis_count ? nullptr : vocabulary_.question(variable_);
    part.negated = question == nullptr && is_better_negated();
    std::set<std::string> others;  // words of values that are not said
    for (std::size_t value = 0; value < values_.size(); ++value) {
      if (values_[value] != part.negated || !is_among(value) || is_impossible(value)) continue;
      others.insert(words_for(vocabulary_, variable_, value));
      if (variable_ < axis_count) names_.add(value);
    }
    bool whole = question == nullptr || (!question->service && question->zone.empty());
    const std::map<std::size_t, std::string> domains = whole_domains(!part.negated);
    std::set<std::string> said;
    for (std::size_t value = 0; value < values_.size(); ++value) {
      if (values_[value] == part.negated || !is_among(value) || is_impossible(value)) continue;
      if (const auto known = domains.find(value); known != domains.end()) {
        if (said.insert(known->second).second) part.values.push_back(known->second);
        continue;
      }
      std::string words = words_for(vocabulary_, variable_, value);
      // Classes that have the same words: nothing is said that is not in the cube.
      if (others.contains(words)) whole = false;
      if (others.contains(words) && !part.negated) continue;
      if (variable_ < axis_count) words += exceptions(value, words);
      if (said.insert(words).second) part.values.push_back(std::move(words));
    }
    return whole;
  }

 private:
  /// Whether it is shorter to say what the cube has not; not if that is "any other name".
  bool is_better_negated() const {
    std::size_t inside = 0;
    std::size_t outside = 0;
    bool open = false;
    for (std::size_t value = 0; value < values_.size(); ++value) {
      if (!is_among(value) || is_impossible(value)) continue;
      ++(values_[value] ? inside : outside);
      open = open ||
             (!values_[value] && words_for(vocabulary_, variable_, value).starts_with("any other"));
    }
    return inside > outside && !open;
  }
  /// The networks of the classes that the cube has, or has not. Neighbours are one.
  std::vector<std::string> clients(bool in_cube) const {
    const std::vector<ClientClass>& classes = vocabulary_.classes().clients;
    std::vector<std::size_t> order(classes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t value) {
      return std::pair(!classes[value].first.is_v4(), classes[value].first);
    });
    std::vector<std::string> words;
    std::optional<ClientClass> range;
    const auto end = [&] {
      if (range) words.push_back(words_of(*range));
      range.reset();
    };
    for (const std::size_t value : order) {
      const ClientClass& one = classes[value];
      const bool is_said = values_[value] == in_cube && is_among(value);
      if (!is_said || (range && range->first.is_v4() != one.first.is_v4())) end();
      if (!is_said) continue;
      if (!range) range = one;
      range->last = one.last;
    }
    end();
    return words;
  }
  /// The domain, or "below" it, for each of its addresses, if the cube has all of them, or none.
  std::map<std::size_t, std::string> whole_domains(bool in_cube) const {
    const Classes& classes = vocabulary_.classes();
    const std::vector<AddressClass>* addresses =
        variable_ == Vocabulary::variable(Axis::sender)      ? &classes.senders
        : variable_ == Vocabulary::variable(Axis::recipient) ? &classes.recipients
                                                             : nullptr;
    std::map<std::size_t, std::string> words;
    if (addresses == nullptr) return words;
    struct Domain {
      std::vector<std::size_t> members;
      std::optional<std::size_t> others;  ///< addresses that nobody names
      bool all = true;
    };
    std::map<std::string, Domain> domains;
    for (std::size_t value = 0; value < addresses->size(); ++value) {
      const AddressClass& one = (*addresses)[value];
      if (!one.one || one.one->domain.empty() || one.other_domain) continue;
      const std::string name =
          one.below.empty() ? lower(one.one->domain) : "below " + lower(one.below);
      Domain& domain = domains[name];
      if (is_among(value)) {
        domain.members.push_back(value);
        domain.all = domain.all && values_[value] == in_cube;
      }
      if (one.words == (one.below.empty() ? "other addresses at " + name : name)) {
        domain.others = value;
      }
    }
    for (const auto& [name, domain] : domains) {
      if (!domain.all || !domain.others || domain.members.size() < 2) continue;
      const std::string text = name + exceptions(*domain.others, name);
      for (const std::size_t value : domain.members) words[value] = text;
    }
    return words;
  }
  bool is_among(std::size_t value) const { return among_ == nullptr || (*among_)[value]; }
  /// Whether no dialogue that differs has the value.
  bool is_impossible(std::size_t value) const {
    const Classes& classes = vocabulary_.classes();
    if (variable_ == Vocabulary::variable(Axis::helo)) {
      return helo_required_ && classes.helos[value].name.empty();
    }
    return variable_ == Vocabulary::variable(Axis::name) && classes.names[value].like_network;
  }

  /// " (but not mail.partner.test or bob@partner.test)".
  std::string exceptions(std::size_t value, const std::string& words) const {
    constexpr std::size_t most = 3;
    if (words.starts_with("other ")) return "";  // it says so itself
    std::set<std::string> but;
    for (const std::size_t other : names_.within(value)) {
      std::string text = words_for(vocabulary_, variable_, other);
      if (text != words) but.insert(std::move(text));
    }
    if (but.empty()) return "";
    std::string text;
    std::size_t count = 0;
    for (const std::string& one : but) {
      if (count++ == most) break;
      text += (text.empty() ? "" : " or ") + one;
    }
    if (but.size() > most) text += fmt::format(" or {} more", but.size() - most);
    return fmt::format(" (but not {})", text);
  }

  const Vocabulary& vocabulary_;
  const Variable variable_;
  const std::vector<bool>& values_;
  const std::vector<bool>* among_;  ///< null: all are spoken of
  const bool helo_required_;
  Names names_;
};

}  // namespace

CubeWords words_of(const Vocabulary& vocabulary, const Cube& cube, const Cube& among,
                   bool helo_required) {
  CubeWords words;
  Difference found;
  std::map<std::string, int> names;
  for (const auto& [variable, values] : cube) {
    const auto spoken_of = among.find(variable);
    const std::vector<bool>* some = spoken_of == among.end() ? nullptr : &spoken_of->second;
    if (some != nullptr && values == *some) continue;
    Difference::Part part{
        .name = variable < axis_count
                    ? std::string(to_string(static_cast<Axis>(variable)))
                    : name_of_part(vocabulary.classes(), *vocabulary.question(variable)),
        .negated = false,
        .values = {},
        .is_answer = variable >= axis_count};
    // A server may be asked in two contexts, or before and after STARTTLS.
    if (const int number = ++names[part.name]; number > 1) {
      part.name += fmt::format(" (question {})", number);
    }
    words.whole &= PartWords(vocabulary, variable, values, some, helo_required).run(part);
    if (part.values.empty() && !part.negated) return {.said = std::nullopt, .whole = false};
    found.conditions.push_back(std::move(part));
  }
  words.said = std::move(found);
  return words;
}

}  // namespace postern::plan
