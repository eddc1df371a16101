#include "config/guardrails.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

namespace {

constexpr std::string_view see = "see `postern help G001` and docs/guardrails.md";

/// The networks of a set. Reports those that cannot be read.
std::vector<Cidr> networks_of(const std::string& name, const std::string& text,
                              const Positions& positions, Diagnostics& diagnostics) {
  const std::string path = "guardrails.networks." + name;
  std::vector<Cidr> networks;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view word = trim(part);
    if (word.empty()) continue;
    const auto network = Cidr::parse(word);
    if (network) {
      networks.push_back(*network);
      continue;
    }
    const auto offset = static_cast<std::size_t>(word.data() - text.data());
    Diagnostic diagnostic = positions.at_offset(
        path, offset, "G001", fmt::format("the set `{}`: {}", name, network.error().message));
    diagnostic.hint = "write networks with commas: \"10.0.0.0/8, 192.0.2.0/24\"";
    diagnostics.add(std::move(diagnostic));
  }
  if (networks.empty()) {
    Diagnostic diagnostic =
        positions.at(path, "G101", fmt::format("the set `{}` has no networks", name));
    diagnostic.severity = Severity::warning;
    diagnostic.hint = "a sentence about it holds of no client, or of all";
    diagnostics.add(std::move(diagnostic));
  }
  return networks;
}

}  // namespace

std::shared_ptr<const Guardrails> read_guardrails(const WrittenGuardrails& written,
                                                  const Positions& positions,
                                                  Diagnostics& diagnostics) {
  NetworkSets sets;
  for (const auto& [name, text] : written.sets) {
    sets.emplace(name, networks_of(name, text, positions, diagnostics));
  }
  auto made = std::make_shared<Guardrails>();
  for (const Guardrail& one : written.sentences) {
    const std::string path = "guardrails." + one.name + ".rule";
    auto sentence = parse_sentence(one.text, sets);
    if (!sentence) {
      const SentenceError& error = sentence.error();
      Diagnostic diagnostic = positions.at_offset(
          path, error.column - 1, "G001",
          fmt::format("the guardrail `{}`, column {}: {}", one.name, error.column, error.message));
      diagnostic.hint = std::string(see);
      diagnostics.add(std::move(diagnostic));
      continue;
    }
    made->sentences.push_back(one);
    made->sentences.back().sentence = std::move(*sentence);
    made->sentences.back().place = positions.at(path, "", "");
  }
  if (made->sentences.empty()) return nullptr;
  return made;
}

}  // namespace postern::app
