// The tables of the manual, made from those of the fields and controls.
#pragma once

#include <string>

namespace postern::dialect::webhook {

/// The made part of docs/webhook-policies.md: what each field accepts, and which control it sets.
std::string policy_manual();

}  // namespace postern::dialect::webhook
