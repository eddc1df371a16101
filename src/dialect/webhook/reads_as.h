// A policy in plain words, so that its author can check that it is as intended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/webhook/fields.h"

namespace postern::dialect::webhook {

/// A condition for mail; the text continues "A message is accepted when".
struct Reading {
  std::string control;  ///< its name in the table of controls (controls.h), or "none"
  std::string text;     ///< for "none" a whole sentence
  std::optional<std::string> otherwise;  ///< the refusal, "550 5.7.1"; nullopt: nothing is refused
  std::optional<std::string> stage;      ///< "rcpt" or "data"
};

/// The conditions in the order of evaluation, one per control; a policy without controls has
/// one entry, "none".
std::vector<Reading> reads_as(const PolicyFields& fields);

/// A hint on a valid policy that may not do what its author intended.
struct Advice {
  std::string field;  ///< name of the field
  std::string text;   ///< one or two sentences
};
/// The hints for a policy.
std::vector<Advice> advise(const PolicyFields& fields);

}  // namespace postern::dialect::webhook
