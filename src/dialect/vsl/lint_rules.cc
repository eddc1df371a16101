// Checks the directives of stages: functions that are not available there, statuses that are lost
// or missing, and directives that never run.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "dialect/vsl/compiler.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

using policy::Stage;

/// The depth to which calls of the script's functions are followed.
constexpr int deepest_call = 16;

/// How a directive or a function can end, as far as the syntax tree shows it.
struct Outcome {
  bool decides = true;            ///< every path has a status that ends the stage
  bool ends_session = true;       ///< every path has one after which no later stage runs
  const Node* status = nullptr;   ///< a call whose status is the value of some path
  const Node* nothing = nullptr;  ///< a path that ends without a status
  void add(const Outcome& other) {
    decides &= other.decides;
    ends_session &= other.ends_session;
    if (status == nullptr) status = other.status;
    if (nothing == nullptr) nothing = other.nothing;
  }
};

class RuleValues {
 public:
  explicit RuleValues(const Lint& lint) : lint_(lint) {}

  /// The outcome of a closure or a block: of its value and of its `return`s.
  Outcome of_body(const FileFacts& file, const Node& body) {
    Outcome outcome = of(file, body);
    returns(body, [&](const Node& one) {
      if (one.nodes.front()) {
        outcome.add(of(file, *one.nodes.front()));
      } else {
        outcome.add({.decides = false, .ends_session = false, .nothing = &one});
      }
    });
    return outcome;
  }

 private:
  static constexpr Outcome unknown{.decides = false, .ends_session = false};

  Outcome of(const FileFacts& file, const Node& node);
  Outcome of_call(const FileFacts& file, const Node& call);
  Outcome of_if(const FileFacts& file, const Node& node);

  /// Visits the `return`s of a body, but not those of closures in it.
  template <class Visit>
  static void returns(const Node& node, const Visit& visit) {
    if (node.kind == Kind::return_value) visit(node);
    for_each_child(node, [&](const Node& child) {
      if (child.kind != Kind::closure) returns(child, visit);
    });
  }

  const Lint& lint_;
  std::map<const Function*, Outcome> known_;
  int depth_ = 0;  ///< of nested calls
};

Outcome RuleValues::of(const FileFacts& file, const Node& node) {
  const Outcome nothing{.decides = false, .ends_session = false, .nothing = &node};
  switch (node.kind) {
    case Kind::block:
      if (node.nodes.empty()) return nothing;
      return of(file, *node.nodes.back());
    case Kind::closure:
      return of(file, *node.nodes.front());
    case Kind::if_else:
      return of_if(file, node);
    case Kind::switch_case: {
      const bool whole = std::ranges::any_of(
          node.arms, [](const Arm& arm) { return arm.patterns.empty() && !arm.guard; });
      Outcome outcome = whole ? Outcome{} : unknown;
      for (const Arm& arm : node.arms) outcome.add(of(file, *arm.body));
      return outcome;
    }
    case Kind::try_catch: {
      Outcome outcome = of(file, *node.nodes[0]);
      outcome.add(of(file, *node.nodes[1]));
      return outcome;
    }
    case Kind::return_value:  // of_body() has them all
      return {};
    case Kind::throw_value:  // the stage ends with an error, the session does not
      return {.decides = true, .ends_session = false};
    case Kind::call:
      return of_call(file, node);
    case Kind::integer:
    case Kind::real:
    case Kind::string:
    case Kind::boolean:
    case Kind::unit:
    case Kind::interpolate:
    case Kind::array:
    case Kind::map:
    case Kind::let:
    case Kind::assign:
    case Kind::object:
    case Kind::while_loop:
    case Kind::for_loop:
    case Kind::do_loop:
      return nothing;
    default:
      return unknown;
  }
}

Outcome RuleValues::of_if(const FileFacts& file, const Node& node) {
  Outcome outcome = of(file, *node.nodes[1]);
  // Without `else` the value is `()` when the condition is false.
  outcome.add(node.nodes[2] ? of(file, *node.nodes[2])
                            : Outcome{.decides = false, .ends_session = false, .nothing = &node});
  return outcome;
}

Outcome RuleValues::of_call(const FileFacts& file, const Node& call) {
  if (const Callee own = lint_.callee(file, call); own.function != nullptr) {
    // Until the function is judged, a recursive call of it finds `unknown`.
    const auto [known, is_new] = known_.emplace(own.function, unknown);
    if (is_new && depth_ < deepest_call) {
      ++depth_;
      const Outcome found = of_body(*own.file, *own.function->body);
      --depth_;
      known_.at(own.function) = found;
    }
    Outcome outcome = known_.at(own.function);
    if (outcome.status != nullptr) outcome.status = &call;
    if (outcome.nothing != nullptr) outcome.nothing = &call;
    return outcome;
  }
  const Signature host = lint_.host(file, call);
  if (host.function == nullptr) return unknown;
  Outcome outcome = unknown;
  const std::string_view name = call.text;
  const bool ends = name == "deny" || name == "faccept";
  outcome.decides = ends || name == "accept" || name == "info" || name == "quarantine";
  outcome.ends_session = ends;
  const std::string_view returns = host.function->returns;
  const bool is_status = returns.find("status") != std::string_view::npos;
  if (is_status && name != "next") outcome.status = &call;
  if (!is_status && returns != "any") outcome.nothing = &call;
  return outcome;
}

class Rules {
 public:
  explicit Rules(Lint& lint) : lint_(lint), values_(lint), entry_(lint.entry()) {}

  void run() {
    bool has_stages = false;
    for (const NodePtr& statement : entry_.file->body) {
      if (statement->kind != Kind::map) continue;
      has_stages = true;
      for (std::size_t i = 0; i < statement->nodes.size(); ++i) {
        if (const auto stage = stage_named(statement->names[i].text)) {
          directives(*stage, *statement->nodes[i]);
        }
      }
    }
    if (!has_stages) {
      lint_.warn(entry_, {1, 1}, "the policy has no stages: no rule is ever asked",
                 "as in `#{ mail: [ rule \"name\" || next() ] }`");
    }
    later_stages();
  }

 private:
  struct Seen {
    const Node* first = nullptr;    ///< the stage's first directive
    const Node* decides = nullptr;  ///< the first that always ends the stage
    const Node* ends_session = nullptr;
    bool only_actions = true;  ///< so far; an action cannot end the stage
  };

  void directives(Stage stage, const Node& array) {
    if (array.kind != Kind::array) return;
    for (const NodePtr& one : array.nodes) {
      if (one->kind == Kind::directive) directive(stage, *one);
    }
  }

  void directive(Stage stage, const Node& one) {
    Seen& seen = stages_[static_cast<std::size_t>(stage)];
    if (seen.first == nullptr) seen.first = &one;
    if (seen.decides != nullptr) {
      lint_.warn(entry_, one.text_at, title(one) + " never runs",
                 title(*seen.decides) + " in line " + std::to_string(seen.decides->at.line) +
                     " always ends the stage");
    }
    const bool only_actions = seen.only_actions;
    if (one.word != "action") seen.only_actions = false;
    const Node* body = body_of(one);
    if (body == nullptr) return;
    called_.clear();
    calls(stage, entry_, *body, one, 0, true);
    const Outcome outcome = values_.of_body(entry_, *body);
    if (one.word == "action") return action(one, outcome);
    if (outcome.nothing != nullptr) without_status(one, *outcome.nothing);
    if (one.word != "rule" || seen.decides != nullptr) return;
    if (outcome.decides) seen.decides = &one;
    if (outcome.ends_session && only_actions) seen.ends_session = &one;
  }

  static std::string title(const Node& one) { return "the " + one.word + " \"" + one.text + "\""; }

  /// The function that runs; null if the syntax tree does not show it.
  static const Node* body_of(const Node& directive) {
    const Node* body = directive.nodes.front().get();
    if (body->kind == Kind::map) {
      const auto key = std::ranges::find(body->names, "evaluate", &Name::text);
      if (key == body->names.end()) return nullptr;
      body = body->nodes[static_cast<std::size_t>(key - body->names.begin())].get();
    }
    return body->kind == Kind::closure ? body : nullptr;
  }

  void action(const Node& one, const Outcome& outcome) {
    if (outcome.status == nullptr) return;
    lint_.warn(entry_, one.text_at,
               title(one) + " ends with " + shown(*outcome.status) +
                   ", whose status is ignored: an action does not decide",
               "write `rule` if it shall decide");
  }

  void without_status(const Node& one, const Node& where) {
    const bool no_else = where.kind == Kind::if_else;
    lint_.warn(entry_, one.text_at,
               title(one) +
                   (no_else ? " has no status when the condition in line " +
                                  std::to_string(where.at.line) + " is false"
                            : " can end without a status") +
                   "; the client then gets 451",
               "end it with `next()`, or write `action` if it shall not decide");
  }

  /// Checks the host functions that are called at the stage, also through functions of the script.
  /// Calls in a `try` block are left out, because the script handles their errors. `is_sure`: the
  /// node runs whenever the directive calls the function that it is in.
  void calls(Stage stage, const FileFacts& file, const Node& node, const Node& from, int depth,
             bool is_sure) {
    if (node.kind == Kind::try_catch) {
      return calls(stage, file, *node.nodes[1], from, depth, depth == 0);
    }
    if (node.kind == Kind::call) call(stage, file, node, from, depth, is_sure);
    // In a function, a condition may be false at this stage.
    const bool may_be_skipped = depth > 0 && has_condition(node);
    for_each_child(node, [&](const Node& child) {
      calls(stage, file, child, from, depth, is_sure && !may_be_skipped);
    });
  }

  static bool has_condition(const Node& node) {
    switch (node.kind) {
      case Kind::if_else:
      case Kind::switch_case:
      case Kind::while_loop:
      case Kind::for_loop:
      case Kind::loop:
      case Kind::do_loop:
      case Kind::closure:
        return true;
      case Kind::binary:
        return node.text == "&&" || node.text == "||" || node.text == "??";
      default:
        return false;
    }
  }

  /// `from`: the directive, or the call in it that leads here.
  void call(Stage stage, const FileFacts& file, const Node& node, const Node& from, int depth,
            bool is_sure) {
    const Callee own = lint_.callee(file, node);
    if (own.function != nullptr) {
      if (depth == deepest_call || !called_.emplace(own.function, is_sure).second) return;
      const Node& first = from.kind == Kind::directive ? node : from;
      const Node& body = *own.function->body;
      // What comes after a `return` that may be taken is not sure.
      return calls(stage, *own.file, body, first, depth + 1, is_sure && !returns_early(body));
    }
    const Signature host = lint_.host(file, node);
    if (host.function == nullptr || (stage >= host.from && stage <= host.to)) return;
    const std::string at_stage = "at `" + std::string(word_of(stage)) + "`";
    std::string from_stage = "it is from `" + std::string(word_of(host.from)) + "` on";
    if (host.to != Stage::delivery) {
      from_stage = host.from == host.to ? "it is at `" + std::string(word_of(host.from)) + "`"
                                        : "it is from `" + std::string(word_of(host.from)) +
                                              "` to `" + std::string(word_of(host.to)) + "`";
    }
    if (from.kind == Kind::directive) {
      lint_.fails(file, node.at, shown(node) + " is not available " + at_stage, from_stage);
      return;
    }
    std::string message =
        shown(from) + " calls " + shown(node) + ", which is not available " + at_stage;
    is_sure ? lint_.fails(entry_, from.at, std::move(message), from_stage)
            : lint_.warn(entry_, from.at, std::move(message), from_stage);
  }

  static bool returns_early(const Node& node) {
    if (node.kind == Kind::return_value) return true;
    bool found = false;
    for_each_child(node, [&](const Node& child) {
      found = found || (child.kind != Kind::closure && returns_early(child));
    });
    return found;
  }

  /// Warns of stages that no session reaches, because `connect` or `helo` always ends the session
  /// or skips the rest.
  void later_stages() {
    for (std::size_t early = 0; early <= static_cast<std::size_t>(Stage::helo); ++early) {
      const Node* ends = stages_[early].ends_session;
      if (ends == nullptr) continue;
      for (std::size_t later = early + 1; later < policy::stage_count; ++later) {
        // A client may authenticate even if the other stages are skipped.
        if (stages_[later].first == nullptr || static_cast<Stage>(later) == Stage::auth) continue;
        const std::string stage(word_of(static_cast<Stage>(later)));
        lint_.warn(entry_, stages_[later].first->text_at,
                   "no rule of the stage `" + stage + "` ever runs",
                   title(*ends) + " in line " + std::to_string(ends->at.line) +
                       " always denies the client or skips what follows");
      }
      return;
    }
  }

  Lint& lint_;
  RuleValues values_;
  const FileFacts& entry_;
  Seen stages_[policy::stage_count];
  /// By the current directive, and whether the call is sure.
  std::set<std::pair<const Function*, bool>> called_;
};

}  // namespace

void lint_rules(Lint& lint) { Rules(lint).run(); }

}  // namespace postern::dialect::vsl
