#include "dialect/vsl/generator.h"

#include <algorithm>

#include <fmt/format.h>

#include "dialect/vsl/generator_frames.h"

namespace postern::dialect::vsl {

namespace {

/// The number of slots that are Lua locals; further slots are in a table.
constexpr int most_locals = 110;

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 32 || octet == 127) {
      out += fmt::format("\\{:03}", octet);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

Generator::Temporary::Temporary(Generator& generator)
    : generator_(generator), slot_(generator.take_slot()), text_(slot_text(slot_)) {}

Generator::Temporary::~Temporary() {
  if (slot_ >= 0) generator_.give_slot(slot_);
}

void Generator::line(std::string text, Position at) {
  at_ = at;
  frame_->lines.push_back({std::move(text), {static_cast<std::uint32_t>(file_), at}});
}

std::string Generator::label(std::string_view word) {
  return std::string(word) + std::to_string(++labels_);
}

/// `fresh`: a slot that has not been used before.
int Generator::take_slot(bool fresh) {
  std::vector<bool>& taken = frame_->taken;
  const auto free = fresh ? taken.end() : std::ranges::find(taken, false);
  const auto slot = free - taken.begin();
  if (free == taken.end()) {
    taken.push_back(true);
  } else {
    *free = true;
  }
  return static_cast<int>(slot);
}

std::string Generator::slot_text(int slot) {
  return slot < most_locals ? fmt::format("s{}", slot) : fmt::format("V[{}]", slot);
}

bool Generator::at_file_level() const {
  return frame_->kind == Frame::Kind::file && frame_->scopes.size() == 1;
}

Variable& Generator::declare_local(const std::string& name, bool constant, bool maybe) {
  Variable one{.name = name,
               .id = variables_++,
               .slot = take_slot(maybe),
               .constant = constant,
               .cell = false,
               .maybe = maybe};
  one.cell = captured_.contains(one.id);
  return frame_->scopes.back().variables.emplace_back(std::move(one));
}

void Generator::declare(const std::string& name, bool constant, const std::string& value,
                        bool in_expression) {
  if (at_file_level()) {
    line(fmt::format("M[{0}] = {1}; P.constants[{0}] = {2}", in_quotes(name), value, constant));
    return;
  }
  const Variable& one = declare_local(name, constant, in_expression);
  line(slot_text(one.slot) + " = " + (one.cell ? cell_text(value) : value));
}

std::optional<Generator::Reach> Generator::reach(std::string_view name) {
  const Variable* found = nullptr;
  Frame* owner = frame_;
  for (; owner != nullptr; owner = owner->outer) {
    for (auto scope = owner->scopes.rbegin(); scope != owner->scopes.rend() && !found; ++scope) {
      const auto hit = std::find_if(scope->variables.rbegin(), scope->variables.rend(),
                                    [&](const Variable& one) { return one.name == name; });
      if (hit != scope->variables.rend()) found = &*hit;
    }
    if (found != nullptr) break;
  }
  if (found == nullptr) return std::nullopt;
  Reach way{.variable = found, .cell = {}, .value = {}, .foreign = owner != frame_};
  if (owner == frame_) {
    way.cell = slot_text(found->slot);
    way.value = found->cell ? way.cell + "[1]" : way.cell;
    return way;
  }
  shared_.insert(found->id);
  std::size_t place = 0;
  for (Frame* one = frame_; one != owner; one = one->outer) {
    const auto at = std::ranges::find(one->captures, found->id, &Frame::Capture::id);
    const auto index = static_cast<std::size_t>(at - one->captures.begin());
    if (at == one->captures.end()) one->captures.push_back({found->id, owner, found->slot});
    if (one == frame_) place = index + 1;
  }
  way.cell = fmt::format("C[{}]", place);
  way.value = way.cell + "[1]";
  return way;
}

/// Lua text: a cell with this value.
std::string Generator::cell_text(const std::string& value) {
  return fmt::format("{{{}, H.at_load}}", value);
}

/// Lua text: the table of captured variables for a function that the current frame creates.
std::string Generator::cells_for(const Frame& inner) const {
  if (inner.captures.empty()) return "nil";
  std::string list;
  for (const Frame::Capture& one : inner.captures) {
    if (!list.empty()) list += ", ";
    if (one.owner == frame_) {
      list += slot_text(one.slot);
      continue;
    }
    const auto at = std::ranges::find(frame_->captures, one.id, &Frame::Capture::id);
    list += fmt::format("C[{}]", at - frame_->captures.begin() + 1);
  }
  return "{" + list + "}";
}

/// Moves the current frame's lines to the text: head, slots, lines, `end`.
void Generator::finish_frame(const std::string& head, std::size_t parameters, Position at) {
  const auto own = [&](std::string text, Position where) {
    lines_.push_back({std::move(text), {static_cast<std::uint32_t>(file_), where}});
  };
  own(head, at);
  std::string locals;
  for (std::size_t i = parameters; i < frame_->taken.size(); ++i) {
    if (i >= most_locals) break;
    locals += (locals.empty() ? "local s" : ", s") + std::to_string(i);
  }
  if (!locals.empty()) own(locals, {});
  if (frame_->taken.size() > most_locals) own("local V = {}", {});
  std::ranges::move(frame_->lines, std::back_inserter(lines_));
  own(frame_->kind == Frame::Kind::closure ? "end end" : "end", {});
}

void Generator::parameters(const std::vector<Name>& names) {
  for (const Name& name : names) {
    const Variable& one = declare_local(name.text, false, false);
    const std::string slot = slot_text(one.slot);
    if (one.cell) line(slot + " = " + cell_text(slot));
  }
}

std::string Generator::function_name(const Function& one) const {
  const auto& all = sources_.files[file_].functions;
  return fmt::format("K.n{}_{}", file_, &one - all.data());
}

/// The last function with this name and number of parameters: earlier ones are never called.
const Function* Generator::own_function(std::string_view name, std::size_t arguments) const {
  const auto& all = sources_.files[file_].functions;
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const Function& one) {
    return one.name == name && one.parameters.size() == arguments;
  });
  return found == all.rend() ? nullptr : &*found;
}

void Generator::function(const Function& one) {
  const InFrame frame(*this, Frame::Kind::function);
  const std::string result = slot_text(0);
  take_slot();  // `this`
  Variable self{.name = "this", .id = variables_++, .slot = 0, .constant = true};
  self.cell = captured_.contains(self.id);
  if (self.cell) line(result + " = " + cell_text(result));
  frame_->scopes.back().variables.push_back(self);
  parameters(one.parameters);
  {
    const Temporary value(*this);
    block(*one.body, value.text());
    return_text(value.text());
  }
  std::string list = result;
  for (std::size_t i = 1; i <= one.parameters.size(); ++i) {
    list += ", " + slot_text(static_cast<int>(i));
  }
  finish_frame(fmt::format("{} = function(D, {}) if D > H.depth then H.deep() end",
                           function_name(one), list),
               one.parameters.size() + 1, one.at);
}

/// `needed`: if the file fails, the policy does not load.
void Generator::file(std::size_t index, bool needed) {
  file_ = index;
  const File& one = sources_.files[index];
  const auto own = [&](std::string text) { lines_.push_back({std::move(text), {}}); };
  own(fmt::format("do local P = H.file({}, {}, {}); local M = P.variables", index + 1,
                  in_quotes(one.name), needed));
  for (const Function& each : one.functions) function(each);
  for (const Function& each : one.functions) {
    if (own_function(each.name, each.parameters.size()) != &each) continue;
    const std::string key = in_quotes(each.name + "/" + std::to_string(each.parameters.size()));
    own(fmt::format("P.functions[{}] = {}", key, function_name(each)));
    if (!each.is_private) own(fmt::format("P.shown[{}] = {}", key, function_name(each)));
  }
  const InFrame frame(*this, Frame::Kind::file);
  for (const NodePtr& each : one.body) {
    if (each->kind == Kind::map) {
      if (index == 0) stage_map(*each);
    } else {
      statement(*each, {});
    }
  }
  finish_frame("P.main = function(D)", 0, {});
  own("end");
}

}  // namespace postern::dialect::vsl
