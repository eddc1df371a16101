#include "admin/command_desk.h"
#include "admin/ports.h"

#include <iterator>

#include <boost/json.hpp>

namespace postern::admin {

namespace {

/// In the order of Fault.
constexpr std::string_view fault_names[] = {"malformed", "limit",      "temporary", "permanent",
                                            "denied",    "not_found",  "conflict",  "bug",
                                            "disk_full", "unreachable"};
constexpr bool is_named(Fault fault, std::string_view name) {
  const auto at = static_cast<std::size_t>(fault);
  return at < std::size(fault_names) && fault_names[at] == name;
}
static_assert(is_named(Fault::malformed, "malformed") && is_named(Fault::limit, "limit") &&
              is_named(Fault::temporary, "temporary") && is_named(Fault::permanent, "permanent") &&
              is_named(Fault::denied, "denied") && is_named(Fault::not_found, "not_found") &&
              is_named(Fault::conflict, "conflict") && is_named(Fault::bug, "bug") &&
              is_named(Fault::disk_full, "disk_full") &&
              is_named(Fault::unreachable, "unreachable") &&
              static_cast<std::size_t>(Fault::unreachable) + 1 == std::size(fault_names));

}  // namespace

std::string_view fault_name(Fault fault) { return fault_names[static_cast<std::size_t>(fault)]; }

std::optional<Fault> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(fault_names); ++i) {
    if (fault_names[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

void CommandDesk::add_routes(Router& router) {
  router.add({.method = "POST",
              .path = "/control/{question}",
              .access = Access::owner,
              .body = Body::json,
              .handler = router.handler(*this, &CommandDesk::answer),
              .control_token = ControlToken::required});
}

Task<net::HttpResponse> CommandDesk::answer(Call& call) {
  if (core_.deps.answers == nullptr) throw unavailable("this server does not answer commands");
  auto answer = co_await core_.deps.answers->answer(call.ids[0], std::move(call.body));
  if (answer) co_return json_response(200, *answer);
  // The caller may read the databases, so it may see the error's message.
  throw Refusal{422, std::string(fault_name(answer.error().fault)), answer.error().message, {}, {}};
}

}  // namespace postern::admin
