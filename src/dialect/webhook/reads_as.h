// A policy in plain words, for people who have to decide whether it is the one they want.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/webhook/fields.h"

namespace postern::dialect::webhook {

/// One condition that mail has to meet; it reads on from "A message is accepted when".
struct Reading {
  std::string control;  ///< of the check's catalogue: source_ip, smtp_auth, spf, dkim; "none"
  std::string text;     ///< of "none" a whole sentence
  std::optional<std::string> otherwise;  ///< "550 5.7.1"; nullopt: nothing is refused
  std::optional<std::string> stage;      ///< "rcpt" or "data"
};

/// In the order in which the compiled plan asks, one entry a control. Without a control the one
/// entry is "none".
std::vector<Reading> reads_as(const PolicyFields& fields);

/// What a policy does that its author may not have meant. It is valid nevertheless.
struct Advice {
  std::string field;
  std::string text;
};
std::vector<Advice> advise(const PolicyFields& fields);

}  // namespace postern::dialect::webhook
