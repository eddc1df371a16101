#include "plan/list_pair.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "dialect/restrictions/layer.h"
#include "explain/known_addresses.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;

namespace {

/// The lists of a version; null: it has none.
std::shared_ptr<const restrictions::ListPolicy> compiled_lists(const app::Config& config) {
  const restrictions::Loaded* loaded = config.restrictions.loaded();
  return loaded != nullptr ? loaded->compiled.policy : nullptr;
}

/// The parameters that rules may depend on: all but the lists.
std::string settings_of(const app::Config& config) {
  std::string text;
  for (const auto& [name, value] : config.restrictions.section.parameters) {
    if (!is_list(name)) text += name + " = " + value + "\n";
  }
  return text;
}

}  // namespace

void ListPair::read() {
  const auto* before = sides_[0]->config->restrictions.loaded();
  const auto* after = sides_[1]->config->restrictions.loaded();
  if (before != nullptr && after != nullptr) {
    words_.answers = answers_by_settings(before->definition, after->definition);
    if (before->compiled.policy && after->compiled.policy) {
      not_followed_ = not_followed(*before, *after);
    }
    same_ = SameRules(*before, *after);
  }
  for (std::size_t side = 0; side < 2; ++side) {
    lists_[side] = compiled_lists(*sides_[side]->config);
    if (!lists_[side]) continue;
    if (sides_[side]->config->restrictions.section.shadow) {
      throw NotCompiled("other_layers", "the lists of a version are in shadow");
    }
    words_.add(*lists_[side]);
    delimiters_ += lists_[side]->recipient_delimiter;
  }
}

std::unique_ptr<Vocabulary> ListPair::vocabulary(Diagrams& diagrams,
                                                 const std::string& delimiters) const {
  auto made = std::make_unique<Vocabulary>(
      diagrams, words_, delimiters_ + delimiters,
      either(served_sessions(*sides_[0]->config), served_sessions(*sides_[1]->config)),
      std::vector<const policy::Directory*>{sides_[0]->directory.get(),
                                            sides_[1]->directory.get()});
  made->know([before = app::KnownAddresses(*sides_[0]->config),
              after = app::KnownAddresses(*sides_[1]->config)](const auto& question) {
    const auto known = before.answer(question);
    return known == after.answer(question) ? known : std::nullopt;
  });
  return made;
}

void ListPair::must_be_listed() const {
  if (!words_.not_listed.empty()) throw NotCompiled("external_table", *words_.not_listed.begin());
  if (!lists_[0] || !lists_[1]) throw NotCompiled("no_lists", "a version has no restriction lists");
}

std::array<Ref, 2> ListPair::compile(Vocabulary& vocabulary) const {
  must_be_listed();
  const std::array<std::string, 2> settings{settings_of(*sides_[0]->config),
                                            settings_of(*sides_[1]->config)};
  for (std::size_t side = 0; side < 2; ++side) {
    refuse_several_greetings(*lists_[side], vocabulary, settings[side]);
  }
  return compile_both({lists_[0].get(), lists_[1].get()}, settings, same_, vocabulary);
}

Ref ListPair::compile(std::size_t side, Vocabulary& vocabulary, Decisions* decisions) const {
  must_be_listed();
  const std::string settings = settings_of(*sides_[side]->config);
  refuse_several_greetings(*lists_[side], vocabulary, settings);
  return plan::compile(*lists_[side], vocabulary, settings, decisions);
}

bool ListPair::asks_for_own_clients() const {
  return std::ranges::any_of(lists_, [](const auto& lists) {
    return lists && lists->own_everywhere &&
           std::ranges::any_of(lists->used, [](const auto* keyword) {
             return keyword->name == "permit_inet_interfaces";
           });
  });
}

Group ListPair::group_of(const policy::Evidence& evidence) const {
  const Group before = restrictions::destination_of(*lists_[0], evidence);
  if (before != Group::foreign) return before;
  return restrictions::destination_of(*lists_[1], evidence);
}

Ref ListPair::groups(Vocabulary& vocabulary) const {
  constexpr auto foreign = static_cast<Leaf>(Group::foreign);
  const Ref of_old = destinations(*lists_[0], vocabulary);
  if (same_.are_alike()) return of_old;
  return vocabulary.diagrams().apply(
      of_old, destinations(*lists_[1], vocabulary),
      [](Leaf before, Leaf after) { return before != foreign ? before : after; });
}

std::vector<ListPair::Unseen> ListPair::unseen() const {
  std::vector<Unseen> all = answers_otherwise();
  for (auto& one : {probe_sender(), envelopes(), told_otherwise()}) {
    if (one) all.push_back(*one);
  }
  return all;
}

std::optional<ListPair::Unseen> ListPair::probe_sender() const {
  if (!lists_[0] || !lists_[1]) return std::nullopt;
  const auto text = ahead_of_lists(*lists_[0], *lists_[1]).probe_sender;
  return text ? std::optional(Unseen{"other_layers", *text}) : std::nullopt;
}

std::optional<ListPair::Unseen> ListPair::envelopes() const {
  if (!lists_[0] || !lists_[1]) return std::nullopt;
  const auto text = ahead_of_lists(*lists_[0], *lists_[1]).envelopes;
  return text ? std::optional(Unseen{"other_layers", *text}) : std::nullopt;
}

std::vector<ListPair::Unseen> ListPair::answers_otherwise() const {
  std::vector<Unseen> all;
  if (!words_.asks_programs) return all;
  for (const NotFollowed& one : not_followed_) {
    all.push_back({"external_table", one.text, one.only_foreign});
  }
  return all;
}

std::optional<ListPair::Unseen> ListPair::told_otherwise() const {
  if (!words_.asks_servers || !lists_[0] || !lists_[1]) return std::nullopt;
  if (lists_[0]->compatibility_level == lists_[1]->compatibility_level) return std::nullopt;
  return Unseen{"external_table",
                "policy servers are asked, and compatibility_level, of which they are told, "
                "differs"};
}

bool ListPair::codes_otherwise() const {
  if (!lists_[0] || !lists_[1]) return false;
  if (words_.asks_programs &&
      codes_not_followed(sides_[0]->config->restrictions.loaded()->definition,
                         sides_[1]->config->restrictions.loaded()->definition)) {
    return true;
  }
  const auto rewrites = [](const restrictions::ListPolicy& policy) {
    std::string text;
    for (const auto& table : policy.reject_filter_maps.tables()) {
      text += table->name() + "\n" + table->content();
    }
    return text;
  };
  return rewrites(*lists_[0]) != rewrites(*lists_[1]);
}

std::set<std::string> patterns_that_may_give_up(const Vocabulary& vocabulary) {
  std::set<std::string> patterns;
  for (const auto& question : vocabulary.questions()) {
    if (question->pattern && may_give_up(question->pattern->first)) {
      patterns.insert(restrictions::asked_pattern(question->pattern->first)->perl);
    }
  }
  return patterns;
}

}  // namespace postern::plan
