// The decision of a layer at one stage. A layer changes nothing itself: the engine applies the
// effects of enforced layers. The ruling of a shadow layer is only recorded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policy/relaying.h"
#include "policy/script_facts.h"
#include "policy/verdict.h"

namespace postern::policy {

/// At Stage::rcpt: relays the candidate's mail.
struct GrantRelay {
  Grant by = Grant::client;  ///< why it may be relayed
};
/// The client is trusted for this transaction: Evidence::trusted_client.
struct TrustClient {};
/// Accepts the message and throws it away.
struct Discard {};
/// Accepts the message and holds it (quarantine).
struct Hold {};
/// The message as scripts left it; replaces Evidence::copies.
struct Edit {
  std::vector<ScriptCopy> copies;  ///< for Evidence::copies
};
/// Replaces the extensions that EHLO offers.
struct Offer {
  std::vector<std::string> extensions;  ///< keywords with their parameters
};

/// A change that a layer makes, with its reason.
struct Effect {
  std::variant<GrantRelay, TrustClient, Discard, Hold, Edit, Offer> what;  ///< the change
  std::string why;         ///< the reason; may be empty
  std::string_view check;  ///< the rule, static; empty: the layer itself
  std::string place;  ///< position of the rule: "main.cf:12:3", "policy.lua:40:5"; may be empty
};

/// An effect as traces record it. The copies of an Edit are in the evidence.
struct EffectNote {
  std::string_view effect;  ///< "grant_relay", "trust_client", "discard", "hold", "edit", "offer"
  std::string_view layer;   ///< static
  std::string_view check;   ///< static; may be empty
  std::string place;        ///< Effect::place
  std::string why;          ///< Effect::why
  bool enforced = true;     ///< false: of a shadow layer, not applied

  bool operator==(const EffectNote&) const = default;
};
/// The effect's word in traces; static.
std::string_view word_of(const Effect& effect);

/// Whether an effect gives the candidate its route (gives_route()).
bool grants_route(const std::vector<Effect>& effects, const Route& route);

/// What a layer decides.
struct Ruling {
  Verdict verdict;  ///< on the stage
  /// Applied in this order; none is applied with a refusal.
  std::vector<Effect> effects;

  /// A verdict alone is a ruling without effects.
  Ruling(Verdict said = {}, std::vector<Effect> done = {})  // NOLINT: a verdict is a ruling
      : verdict(std::move(said)), effects(std::move(done)) {}
};

}  // namespace postern::policy
