#include <algorithm>

#include <fmt/format.h>

#include "dialect/vsl/generator_frames.h"

namespace postern::dialect::vsl {

/// `into` gets the statement's value, or `()` if it has none.
void Generator::statement(const Node& node, const std::string& into) {
  switch (node.kind) {
    case Kind::let:
      let(node, false);
      break;
    case Kind::export_let:
      let(*node.nodes[0], true);
      break;
    case Kind::export_name:
      export_name(node);
      break;
    case Kind::import:
      import(node);
      break;
    case Kind::assign:
      assign(node);
      break;
    case Kind::while_loop:
    case Kind::loop:
    case Kind::do_loop:
      return loop(node, into);
    case Kind::for_loop:
      return for_loop(node, into);
    case Kind::return_value:
      return return_value(node);
    case Kind::break_loop:
    case Kind::continue_loop:
      return leave_loop(node);
    case Kind::throw_value: {
      const Node* thrown = node.nodes.empty() ? nullptr : node.nodes[0].get();
      const Operand value = thrown != nullptr ? operand(*thrown, true) : Operand{"U", std::nullopt};
      return line(fmt::format("H.throw({})", value.text), node.at);
    }
    case Kind::try_catch:
      return try_catch(node, into);
    default:
      return expression(node, into);
  }
  if (!into.empty()) line(into + " = U");
}

void Generator::statements(const std::vector<NodePtr>& nodes, const std::string& into) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    statement(*nodes[i], i + 1 == nodes.size() ? into : std::string());
  }
  if (nodes.empty() && !into.empty()) line(into + " = U");
}

void Generator::block(const Node& node, const std::string& into) {
  const InScope scope(*this);
  statements(node.nodes, into);
}

void Generator::if_else(const Node& node, const std::string& into) {
  const std::string done = label("done");
  const Node* one = &node;
  for (;;) {
    const std::string otherwise = label("otherwise");
    {
      const Operand holds = condition(*one->nodes[0]);
      line(fmt::format("if not {} then goto {} end", holds.text, otherwise));
    }
    expression(*one->nodes[1], into);
    line("goto " + done);
    line("::" + otherwise + "::");
    const Node* other = one->nodes.size() > 2 ? one->nodes[2].get() : nullptr;
    if (other == nullptr) {
      if (!into.empty()) line(into + " = U");
      break;
    }
    if (other->kind != Kind::if_else) {
      expression(*other, into);
      break;
    }
    one = other;
  }
  line("::" + done + "::");
}

void Generator::switch_case(const Node& node, const std::string& into) {
  const std::string done = label("done");
  const Temporary value(*this);
  expression(*node.nodes[0], value.text());
  for (const Arm& arm : node.arms) {
    const std::string next = label("next");
    if (!arm.patterns.empty()) {
      const std::string body = label("arm");
      for (const NodePtr& pattern : arm.patterns) {
        const Temporary same(*this);
        const Operand one = operand(*pattern, true);
        line(fmt::format("{} = H.equal({}, {})", same.text(), value.text(), one.text), pattern->at);
        line(fmt::format("if {} then goto {} end", same.text(), body));
      }
      line("goto " + next);
      line("::" + body + "::");
    }
    if (arm.guard) {
      const Operand holds = condition(*arm.guard);
      line(fmt::format("if not {} then goto {} end", holds.text, next));
    }
    {
      const InScope scope(*this);
      statement(*arm.body, into);
    }
    line("goto " + done);
    line("::" + next + "::");
  }
  if (!into.empty()) line(into + " = U");
  line("::" + done + "::");
}

void Generator::stage_map(const Node& node) {
  for (const NodePtr& stage : node.nodes) {
    for (const NodePtr& one : stage->nodes) {
      const Temporary unused(*this);
      directive(*one, unused.text());
    }
  }
}

void Generator::let(const Node& node, bool exported) {
  const Temporary value(*this);
  if (!node.nodes.empty() && node.nodes[0]) {
    expression(*node.nodes[0], value.text());
  } else {
    line(value.text() + " = U");
  }
  if (exported) line(fmt::format("P.exports[{}] = {}", in_quotes(node.text), value.text()));
  declare(node.text, node.flag, value.text());
}

void Generator::export_name(const Node& node) {
  const Temporary value(*this);
  Node name{.kind = Kind::variable, .at = node.text_at.line > 0 ? node.text_at : node.at};
  name.text = node.text;
  variable(name, value.text());
  const std::string& alias = node.word.empty() ? node.text : node.word;
  line(fmt::format("P.exports[{}] = {}", in_quotes(alias), value.text()));
}

void Generator::import(const Node& node) {
  const Node& path = *node.nodes[0];
  const Temporary value(*this);
  if (node.file) {
    line(fmt::format("{} = H.import({})", value.text(), *node.file + 1), node.at);
  } else {
    expression(path, value.text());
    line(fmt::format("{0} = H.import_of(P, {0})", value.text()), path.at);
  }
  if (!node.text.empty()) declare("::" + node.text, true, value.text());
}

void Generator::assign(const Node& node) {
  const Node& target = *node.nodes[0];
  const std::string_view word = std::string_view(node.text).substr(0, node.text.size() - 1);
  const std::string function(function_of_operator(word));
  const bool is_variable = target.kind == Kind::variable;
  const Operand value = operand(*node.nodes[1], is_variable || are_calm(target.nodes, 0));
  if (is_variable) {
    if (word.empty()) return assign_variable(target, node.at, value.text);
    const Temporary result(*this);
    variable(target, result.text());
    line(fmt::format("{0} = H.{1}({0}, {2})", result.text(), function, value.text), node.at);
    return assign_variable(target, node.at, result.text());
  }
  const bool by_index = target.kind == Kind::index;
  const Operand owner = operand(*target.nodes[0], !by_index || is_calm(*target.nodes[1]));
  const Operand key = by_index ? operand(*target.nodes[1], true)
                               : Operand{.text = in_quotes(target.text), .slot = std::nullopt};
  if (word.empty()) {
    return line(fmt::format("H.set({}, {}, {})", owner.text, key.text, value.text), node.at);
  }
  const Temporary result(*this);
  line(fmt::format("{} = H.{}({}, {})", result.text(), by_index ? "index" : "property", owner.text,
                   key.text),
       target.at);
  line(fmt::format("{0} = H.{1}({0}, {2})", result.text(), function, value.text), node.at);
  line(fmt::format("H.set({}, {}, {})", owner.text, key.text, result.text()), node.at);
}

void Generator::assign_variable(const Node& target, Position at, const std::string& value) {
  const std::string name = in_quotes(target.text);
  if (!target.path.empty()) return line(fmt::format("H.constant({})", name), at);
  const auto way = reach(target.text);
  if (!way) {
    line(fmt::format("if M[{0}] == nil then H.no_variable({0}) end", name), target.at);
    return line(fmt::format("H.assign(P, {}, {})", name, value), at);
  }
  if (way->variable->constant) return line(fmt::format("H.constant({})", name), at);
  // What was declared while files were loaded outlives messages, so it stays as it is.
  if (way->foreign) line(fmt::format("if {}[2] then H.changing({}) end", way->cell, name), at);
  line(way->value + " = " + value, at);
}

void Generator::loop_body(const Node& body, std::string again, std::string out,
                          const std::string& into) {
  frame_->loops.push_back({.again = std::move(again), .out = std::move(out), .value = into});
  expression(body, {});
  frame_->loops.pop_back();
}

void Generator::loop(const Node& node, const std::string& into) {
  const std::string again = label("again");
  const std::string next = label("next");
  const std::string done = label("done");
  const std::string out = label("out");
  const bool is_do = node.kind == Kind::do_loop;
  line("::" + again + "::");
  if (node.kind == Kind::while_loop) {
    const Operand holds = condition(*node.nodes[0]);
    line(fmt::format("if not {} then goto {} end", holds.text, done));
  }
  loop_body(*node.nodes[node.kind == Kind::while_loop ? 1 : 0], next, out, into);
  line("::" + next + "::");
  if (is_do) {
    const Operand holds = condition(*node.nodes[1]);
    line(fmt::format("if {}{} then goto {} end", node.flag ? "" : "not ", holds.text, done));
  }
  line("goto " + again, node.at);
  line("::" + done + "::");
  if (!into.empty()) line(into + " = U");
  line("::" + out + "::");
}

void Generator::for_loop(const Node& node, const std::string& into) {
  const std::string next = label("next");
  const std::string done = label("done");
  const std::string out = label("out");
  const Temporary list(*this);
  const Temporary count(*this);
  const Temporary first(*this);
  const Temporary index(*this);
  {
    const Operand what = operand(*node.nodes[0], true);
    line(fmt::format("{}, {}, {} = H.iterate({})", list.text(), count.text(), first.text(),
                     what.text),
         node.nodes[0]->at);
  }
  line(index.text() + " = 0");
  line("::" + next + "::");
  line(fmt::format("if {} >= {} then goto {} end", index.text(), count.text(), done), node.at);
  line(fmt::format("{0} = {0} + 1", index.text()));
  {
    const InScope scope(*this);
    {
      const Temporary value(*this);
      line(fmt::format("if {0} then {1} = {0}[{2}] else {1} = {3} + {2} - 1 end", list.text(),
                       value.text(), index.text(), first.text()));
      declare(node.names[0].text, false, value.text());
    }
    if (node.names.size() > 1) declare(node.names[1].text, false, index.text() + " - 1");
    loop_body(*node.nodes[1], next, out, into);
  }
  line("goto " + next, node.at);
  line("::" + done + "::");
  if (!into.empty()) line(into + " = U");
  line("::" + out + "::");
}

void Generator::return_value(const Node& node) {
  const Node* given = node.nodes.empty() ? nullptr : node.nodes[0].get();
  const Operand value = given != nullptr ? operand(*given, true) : Operand{"U", std::nullopt};
  return_text(value.text);
}

/// The function of a `try` block first returns how it ended: 0 normally, 1 by return, 2 by break,
/// 3 by continue.
void Generator::return_text(const std::string& value) {
  frame_->returns = true;
  const std::string_view signal = frame_->kind == Frame::Kind::attempt ? "1, " : "";
  line(fmt::format("do return {}{} end", signal, value));
}

void Generator::leave_loop(const Node& node) {
  const bool again = node.kind == Kind::continue_loop;
  const Node* given = node.nodes.empty() ? nullptr : node.nodes[0].get();
  const Operand value = given != nullptr ? operand(*given, true) : Operand{"U", std::nullopt};
  if (leave(again, value.text)) return;
  line(fmt::format("H.no_loop({})", in_quotes(again ? "continue" : "break")), node.at);
}

/// Leaves or continues the innermost loop, which may be around a `try` block. Returns false without
/// a loop.
bool Generator::leave(bool again, const std::string& value) {
  if (!frame_->loops.empty()) {
    const Frame::Loop& loop = frame_->loops.back();
    if (!again && !loop.value.empty()) line(loop.value + " = " + value);
    line("goto " + (again ? loop.again : loop.out));
    return true;
  }
  const Frame* around = frame_;
  while (around->kind == Frame::Kind::attempt && around->loops.empty()) around = around->outer;
  if (around->loops.empty()) return false;
  (again ? frame_->continues : frame_->breaks) = true;
  line(again ? std::string("do return 3, U end") : fmt::format("do return 2, {} end", value));
  return true;
}

void Generator::try_catch(const Node& node, const std::string& into) {
  const std::string name = fmt::format("K.t{}", ++functions_);
  Frame inner;
  {
    const InFrame frame(*this, Frame::Kind::attempt);
    {
      const Temporary value(*this);
      block(*node.nodes[0], value.text());
      line("do return 0, " + value.text() + " end");
    }
    finish_frame(name + " = function(C, D)", 0, {});
    inner = frame.frame();
  }
  const std::string caught = label("caught");
  const std::string done = label("done");
  const Temporary well(*this);
  const Temporary signal(*this);
  const Temporary value(*this);
  line(fmt::format("{}, {}, {} = H.pcall({}, {}, D)", well.text(), signal.text(), value.text(),
                   name, cells_for(inner)),
       node.at);
  line(fmt::format("if not {} then goto {} end", well.text(), caught));
  after_attempt(inner, signal.text(), value.text(), node.at);
  if (!into.empty()) line(into + " = " + value.text());
  line("goto " + done);
  line("::" + caught + "::");
  line(fmt::format("{} = H.caught({})", value.text(), signal.text()), node.at);
  {
    const InScope scope(*this);
    if (!node.text.empty()) declare(node.text, false, value.text());
    expression(*node.nodes[1], into);
  }
  line("::" + done + "::");
}

/// Repeats the return, break or continue that left the `try` block.
void Generator::after_attempt(const Frame& inner, const std::string& signal,
                              const std::string& value, Position at) {
  const auto when = [&](int number, const auto& go) {
    const std::string no = label("no");
    line(fmt::format("if {} ~= {} then goto {} end", signal, number, no), at);
    go();
    line("::" + no + "::");
  };
  if (inner.returns) when(1, [&] { return_text(value); });
  if (inner.breaks) when(2, [&] { leave(false, value); });
  if (inner.continues) when(3, [&] { leave(true, value); });
}

}  // namespace postern::dialect::vsl
