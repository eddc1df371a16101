#include "dialect/vsl/compiler.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "dialect/vsl/generator.h"

namespace postern::dialect::vsl {

namespace {

using policy::Stage;

struct Word {
  std::string_view word;
  Stage stage;
};
/// In the order of the dialogue; old spellings last.
constexpr Word stage_words[] = {
    {"connect", Stage::connect}, {"helo", Stage::helo},         {"authenticate", Stage::auth},
    {"mail", Stage::mail},       {"rcpt", Stage::rcpt},         {"preq", Stage::message},
    {"postq", Stage::queued},    {"delivery", Stage::delivery}, {"deliver", Stage::delivery},
};

/// The directives of the entry file, with the nodes they come from, and what is wrong with them.
class Stages {
 public:
  explicit Stages(const File& file) : file_(file) {
    for (const NodePtr& node : file.body) {
      if (node->kind == Kind::map) stage_map(*node);
    }
    std::ranges::stable_sort(found_, {}, [](const Found& one) { return one.directive.stage; });
  }

  std::optional<Mistake> mistake() const { return mistake_; }
  std::vector<Directive> directives() const {
    std::vector<Directive> all;
    for (const Found& one : found_) all.push_back(one.directive);
    return all;
  }
  std::unordered_map<const Node*, std::size_t> indices() const {
    std::unordered_map<const Node*, std::size_t> all;
    for (std::size_t i = 0; i < found_.size(); ++i) all[found_[i].node] = i;
    return all;
  }

 private:
  struct Found {
    Directive directive;
    const Node* node;
  };

  void wrong(Position at, std::string message, std::string hint = {}) {
    if (!mistake_) mistake_ = Mistake{file_.name, at, std::move(message), std::move(hint)};
  }

  void stage_map(const Node& map) {
    for (std::size_t i = 0; i < map.nodes.size(); ++i) {
      const Name& name = map.names[i];
      const auto stage = stage_named(name.text);
      if (!stage) {
        wrong(name.at, "there is no stage `" + name.text + "`",
              "stages are connect, helo, authenticate, mail, rcpt, preq, postq and delivery");
        continue;
      }
      if (map.nodes[i]->kind != Kind::array) {
        wrong(map.nodes[i]->at, "stage `" + name.text + "` needs an array of directives",
              name.text + ": [ rule \"name\" || next() ]");
        continue;
      }
      for (const NodePtr& one : map.nodes[i]->nodes) directive(*one, *stage, name.text);
    }
  }

  void directive(const Node& node, Stage stage, const std::string& word) {
    if (node.kind != Kind::directive) {
      return wrong(node.at, "stage `" + word + "` holds something that is no directive",
                   "a stage holds rules, actions and delegations");
    }
    Directive made{.stage = stage, .name = node.text, .file = file_.name, .at = node.at};
    if (node.word == "action") made.kind = Directive::Kind::action;
    if (node.word == "delegate") made.kind = Directive::Kind::delegate;
    const auto [before, is_new] = names_.try_emplace(node.text, node.at);
    if (!is_new) {
      wrong(node.text_at, "there are two directives named \"" + node.text + "\"",
            fmt::format("the other one is at line {}", before->second.line));
    }
    if (made.kind == Directive::Kind::delegate && stage != Stage::queued &&
        stage != Stage::delivery) {
      wrong(node.at, "a message is delegated in the stages postq and delivery only");
    }
    body(node);
    found_.push_back({std::move(made), &node});
  }

  /// What can be seen before it runs.
  void body(const Node& node) {
    const Node* function = node.nodes[0].get();
    const std::string what = node.word + " \"" + node.text + "\"";
    if (function->kind == Kind::map) {
      const auto at = std::ranges::find(function->names, "evaluate", &Name::text);
      if (at == function->names.end()) {
        return wrong(function->at, what + " lacks its `evaluate` function");
      }
      function = function->nodes[static_cast<std::size_t>(at - function->names.begin())].get();
    }
    if (function->kind == Kind::closure && !function->names.empty()) {
      wrong(function->at, what + " needs a function without parameters");
    }
  }

  const File& file_;
  std::vector<Found> found_;
  std::map<std::string, Position> names_;
  std::optional<Mistake> mistake_;
};

/// More than fit into a call.
std::optional<Mistake> long_parameters(const std::string& file, const Node& node) {
  if (node.kind == Kind::closure && node.names.size() > most_parameters) {
    return Mistake{file, node.at, "a function has more than 100 parameters", {}};
  }
  const auto look = [&](const NodePtr& child) -> std::optional<Mistake> {
    return child ? long_parameters(file, *child) : std::nullopt;
  };
  for (const NodePtr& child : node.nodes) {
    if (auto wrong = look(child)) return wrong;
  }
  for (const Arm& arm : node.arms) {
    for (const NodePtr& pattern : arm.patterns) {
      if (auto wrong = look(pattern)) return wrong;
    }
    if (auto wrong = look(arm.guard)) return wrong;
    if (auto wrong = look(arm.body)) return wrong;
  }
  return std::nullopt;
}

std::optional<Mistake> long_parameters(const File& file) {
  for (const Function& one : file.functions) {
    if (one.parameters.size() > most_parameters) {
      return Mistake{file.name, one.at, "a function has more than 100 parameters", {}};
    }
    if (auto wrong = long_parameters(file.name, *one.body)) return wrong;
  }
  for (const NodePtr& node : file.body) {
    if (auto wrong = long_parameters(file.name, *node)) return wrong;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Stage> stage_named(std::string_view word) {
  const auto* const found = std::ranges::find(stage_words, word, &Word::word);
  if (found == std::ranges::end(stage_words)) return std::nullopt;
  return found->stage;
}

std::string_view word_of(Stage stage) {
  const auto* const found = std::ranges::find(stage_words, stage, &Word::stage);
  return found == std::ranges::end(stage_words) ? to_string(stage) : found->word;
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
  const Stages stages(sources.files.front());
  if (stages.mistake()) return tl::unexpected(*stages.mistake());
  for (const File& file : sources.files) {
    if (auto wrong = long_parameters(file)) return tl::unexpected(std::move(*wrong));
  }
  const auto indices = stages.indices();
  const auto generate = [&](const std::set<std::size_t>& shared) {
    Generator generator(sources, find, shared, indices);
    for (std::size_t i = 0; i < sources.files.size(); ++i) generator.file(i);
    return generator;
  };
  const std::set<std::size_t> shared = generate({}).take_shared();
  Compiled compiled{.text = {}, .lines = {}, .directives = stages.directives()};
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
