// All functions that `.vsl` scripts can call, and where they may.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policy/verdict.h"
#include "script/bind.h"

namespace postern::dialect::vsl {

/// A function that is not for every stage. Functions without a row are.
struct Allowed {
  std::string_view name;  ///< "check_spf"
  policy::Stage from;
  policy::Stage to = policy::Stage::delivery;
};

/// The rows are called "vsl.NAME"; scripts write NAME or sys::NAME. Optional parameters stand last.
/// One file a group: status and session, envelope and message, utilities, security, services.
struct Group {
  script::HostTable functions;
  std::span<const Allowed> stages;
};
Group status_functions();
Group session_functions();
Group envelope_functions();
Group message_functions();
Group utility_functions();
Group security_functions();
Group service_functions();

/// What the compiler and the lint know of a function.
struct Signature {
  const script::HostFunction* function = nullptr;
  std::size_t least = 0;  ///< parameters
  std::size_t most = 0;
  policy::Stage from = policy::Stage::connect;
  policy::Stage to = policy::Stage::delivery;
};
/// Every function of the groups that scripts may name, by the name they give it.
std::map<std::string_view, Signature> signatures_of(std::span<const Group> groups);
/// Null function: there is none of that name.
Signature signature_of(std::string_view name);
/// Sorted; for "did you mean".
std::vector<std::string_view> function_names();
/// Every table, for script::Setup.
std::vector<script::HostTable> all_functions();

}  // namespace postern::dialect::vsl
