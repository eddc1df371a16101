#include "dialect/vsl/compiler.h"

#include <algorithm>

#include <fmt/format.h>

#include "dialect/vsl/generator.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

using policy::Stage;

struct Found {
  Directive directive;
  const Node* node;
};

/// The directives of the entry file, by stage.
std::vector<Found> directives_of(const File& file) {
  std::vector<Found> found;
  for (const NodePtr& map : file.body) {
    if (map->kind != Kind::map) continue;
    for (std::size_t i = 0; i < map->nodes.size(); ++i) {
      const auto stage = stage_named(map->names[i].text);
      if (!stage) continue;
      for (const NodePtr& node : map->nodes[i]->nodes) {
        Directive made{.stage = *stage, .name = node->text, .file = file.name, .at = node->at};
        if (node->word == "action") made.kind = Directive::Kind::action;
        if (node->word == "delegate") made.kind = Directive::Kind::delegate;
        found.push_back({std::move(made), node.get()});
      }
    }
  }
  std::ranges::stable_sort(found, {}, [](const Found& one) { return one.directive.stage; });
  return found;
}

/// A mistake if a function has more parameters than a call can take.
std::optional<Mistake> long_parameters(const File& file) {
  std::optional<Position> at;
  const auto look = [&](std::size_t count, Position where) {
    if (count > most_parameters && !at) at = where;
  };
  for (const Function& one : file.functions) look(one.parameters.size(), one.at);
  for_each_node_of(file, [&](const Node& node) {
    if (node.kind == Kind::closure) look(node.names.size(), node.at);
  });
  if (!at) return std::nullopt;
  return Mistake{file.name, *at, "a function has more than 100 parameters", {}};
}

/// The entry file and the files that it imports by literal paths, directly or indirectly.
std::set<std::size_t> needed_files(const Sources& sources) {
  std::set<std::size_t> needed{0};
  std::vector<std::size_t> unread{0};
  while (!unread.empty()) {
    const File& file = sources.files[unread.back()];
    unread.pop_back();
    for_each_node_of(file, [&](const Node& node) {
      if (node.kind == Kind::import && node.file && needed.insert(*node.file).second) {
        unread.push_back(*node.file);
      }
    });
  }
  return needed;
}

struct Word {
  std::string_view word;
  Stage stage;
};
/// In the order of the dialogue; for one stage, the current spelling first.
constexpr Word stage_words[] = {
    {"connect", Stage::connect}, {"helo", Stage::helo},         {"authenticate", Stage::auth},
    {"mail", Stage::mail},       {"rcpt", Stage::rcpt},         {"preq", Stage::message},
    {"postq", Stage::queued},    {"delivery", Stage::delivery}, {"deliver", Stage::delivery},
};

}  // namespace

std::optional<Stage> stage_named(std::string_view word) {
  const auto* const found = std::ranges::find(stage_words, word, &Word::word);
  if (found == std::ranges::end(stage_words)) return std::nullopt;
  return found->stage;
}

std::string_view word_of(Stage stage) {
  const auto* const found = std::ranges::find(stage_words, stage, &Word::stage);
  return found == std::ranges::end(stage_words) ? std::string_view() : found->word;
}

std::string_view to_string(Directive::Kind kind) {
  switch (kind) {
    case Directive::Kind::rule:
      return "rule";
    case Directive::Kind::action:
      return "action";
    case Directive::Kind::delegate:
      return "delegate";
  }
  return "";
}

tl::expected<Compiled, Mistake> compile(const Sources& sources, const FindFunction& find) {
  for (const File& file : sources.files) {
    if (auto wrong = long_parameters(file)) return tl::unexpected(std::move(*wrong));
  }
  std::unordered_map<const Node*, std::size_t> indices;
  Compiled compiled;
  for (Found& one : directives_of(sources.files.front())) {
    indices[one.node] = compiled.directives.size();
    compiled.directives.push_back(std::move(one.directive));
  }
  const std::set<std::size_t> needed = needed_files(sources);
  const auto generate = [&](const std::set<std::size_t>& shared) {
    Generator generator(sources, find, shared, indices);
    for (std::size_t i = 0; i < sources.files.size(); ++i) generator.file(i, needed.contains(i));
    return generator;
  };
  const std::set<std::size_t> shared = generate({}).take_shared();
  const auto add = [&](const Line& line) {
    compiled.text += line.text + "\n";
    compiled.lines.push_back(line.place);
  };
  add(
      {"local H = require 'vsl.runtime'; local K, S, U, N = {}, H.library, H.unit, H.none; "
       "local _ENV = {}",
       {}});
  for (const Line& line : generate(shared).take_lines()) add(line);
  add({"H.load()", {}});
  return compiled;
}

}  // namespace postern::dialect::vsl
