#include "dialect/vsl/lint.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

Lint::Lint(const Sources& sources, const Find& find, const std::vector<std::string_view>& names,
           std::vector<Mistake>* misspelt, std::vector<Mistake>* failing,
           const LintSettings* settings)
    : find_(find), names_(names), misspelt_(misspelt), failing_(failing), settings_(settings) {
  files_.reserve(sources.files.size());
  for (const File& file : sources.files) {
    files_.push_back(
        {.file = &file, .variables = {}, .functions = {}, .imports = {}, .exports = {}});
    gather(files_.back());
  }
}

void Lint::gather(FileFacts& facts) {
  for (const Function& one : facts.file->functions) facts.functions[one.name].push_back(&one);
  for (const NodePtr& statement : facts.file->body) declare(facts, *statement);
}

/// Collects what a top-level statement declares, including objects inside its expressions.
/// Declarations in blocks and closures are local and left out.
void Lint::declare(FileFacts& facts, const Node& node) {
  switch (node.kind) {
    case Kind::block:
    case Kind::closure:
      return;
    case Kind::object:
    case Kind::service:
      if (node.text.empty()) break;
      facts.variables.insert_or_assign(node.text, &node);
      facts.exports.insert_or_assign(node.text, &node);
      break;
    case Kind::let:
      facts.variables.insert_or_assign(node.text, &node);
      break;
    case Kind::export_let:
      facts.exports.insert_or_assign(node.nodes.front()->text, node.nodes.front().get());
      break;
    case Kind::export_name: {
      const auto found = facts.variables.find(node.text);
      const Node* meant = found == facts.variables.end() ? &node : found->second;
      facts.exports.insert_or_assign(node.word, meant);
      break;
    }
    case Kind::import:
      facts.imports.insert_or_assign(node.text, &node);
      break;
    default:
      break;
  }
  for_each_child(node, [&](const Node& child) { declare(facts, child); });
}

const FileFacts* Lint::imported(const Node& import) const {
  return import.file ? &files_[*import.file] : nullptr;
}

const FileFacts* Lint::module(const FileFacts& file, std::string_view alias) const {
  const auto found = file.imports.find(alias);
  return found == file.imports.end() ? nullptr : imported(*found->second);
}

Callee Lint::callee(const FileFacts& file, const Node& call) const {
  if (call.path.size() > 1) return {};
  const FileFacts* in = call.path.empty() ? &file : module(file, call.path.front());
  if (in == nullptr) return {};
  const auto found = in->functions.find(call.text);
  if (found == in->functions.end()) return {};
  for (const Function* one : found->second) {
    if (one->parameters.size() == call.nodes.size() && (in == &file || !one->is_private)) {
      return {one, in};
    }
  }
  return {};
}

Signature Lint::host(const FileFacts& file, const Node& call) const {
  const bool is_sys = call.path.size() == 1 && call.path.front() == "sys" &&
                      !file.imports.contains(call.path.front());
  if (!call.path.empty() && !is_sys) return {};
  if (!is_sys && callee(file, call).function != nullptr) return {};
  return find_(call.text);
}

void Lint::warn(const FileFacts& file, Position at, std::string message, std::string hint) {
  if (full()) return;
  const auto index = static_cast<std::size_t>(&file - files_.data());
  found_.push_back({index, {file.file->name, at, std::move(message), std::move(hint)}});
}

void Lint::misspelt(const FileFacts& file, Position at, std::string message, std::string hint) {
  if (misspelt_ == nullptr) return warn(file, at, std::move(message), std::move(hint));
  if (misspelt_->size() >= max_warnings) return;
  misspelt_->push_back({file.file->name, at, std::move(message), std::move(hint)});
}

void Lint::fails(const FileFacts& file, Position at, std::string message, std::string hint) {
  if (failing_ == nullptr) return warn(file, at, std::move(message), std::move(hint));
  if (failing_->size() >= max_warnings) return;
  failing_->push_back({file.file->name, at, std::move(message), std::move(hint)});
}

void Lint::opens_relay(const FileFacts& file, Position at, std::string message, std::string hint) {
  if (open_relays_.size() < max_warnings) {
    open_relays_.push_back({file.file->name, at, std::move(message), std::move(hint)});
  }
}

std::vector<Mistake> Lint::take() {
  std::ranges::sort(found_, {}, [](const auto& one) {
    return std::tuple(one.first, one.second.at, std::string_view(one.second.message));
  });
  std::vector<Mistake> all;
  for (auto& [index, mistake] : found_) {
    if (all.empty() || all.back() != mistake) all.push_back(std::move(mistake));
  }
  return all;
}

std::string shown(const Node& call) {
  std::string text;
  for (const std::string& one : call.path) text += one + "::";
  return "`" + text + call.text + "()`";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto near = nearest(word, candidates);
  return near ? "did you mean `" + std::string(*near) + "`?" : "";
}

std::vector<Mistake> lint(const Sources& sources, const Lint::Find& find,
                          const std::vector<std::string_view>& names,
                          std::vector<Mistake>* open_relays, std::vector<Mistake>* misspelt,
                          std::vector<Mistake>* failing, const LintSettings* settings) {
  Lint all(sources, find, names, misspelt, failing, settings);
  lint_names(all);
  lint_rules(all);
  if (open_relays != nullptr) *open_relays = all.take_open_relays();
  return all.take();
}

}  // namespace postern::dialect::vsl
