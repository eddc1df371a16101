// The section [guardrails]: sentences that no edit of the policy may break, read and checked. They
// are proved in src/plan (docs/guardrails.md).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/positions.h"
#include "config/sentence.h"

namespace postern::app {

/// A sentence with its name.
struct Guardrail {
  std::string name;        ///< unique
  std::string text;        ///< as written
  Sentence sentence = {};  ///< the same, read
  bool warns = false;      ///< enforce = "warn": a broken one is a warning
  bool is_public = false;  ///< tenants may read its text
  Diagnostic place = {};   ///< of the sentence in the file, without code and message
};

/// The section [guardrails].
struct Guardrails {
  std::vector<Guardrail> sentences;  ///< in the order of their names
};

/// The section as it stands in the file.
struct WrittenGuardrails {
  /// By name: networks with commas. Their places are "guardrails.networks.NAME".
  std::map<std::string, std::string, std::less<>> sets;
  /// Texts that are not read yet. Their places are "guardrails.NAME.rule".
  std::vector<Guardrail> sentences;
};

/// Reads the sets, then the sentences. G001 for each that cannot be read, at the word at fault; a
/// set without networks is the warning G101. Null: there are no sentences.
std::shared_ptr<const Guardrails> read_guardrails(const WrittenGuardrails& written,
                                                  const Positions& positions,
                                                  Diagnostics& diagnostics);

}  // namespace postern::app
