#include "admin/command_desk.h"

#include <iterator>

#include <boost/json.hpp>

namespace postern::admin {

namespace {

/// In the order of Fault.
constexpr std::string_view fault_names[] = {"malformed", "limit",     "temporary", "permanent",
                                            "denied",    "not_found", "conflict",  "bug"};

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
              .handler = [this](Call& call) { return answer(call); },
              .control_token = ControlToken::required});
}

Task<net::HttpResponse> CommandDesk::answer(Call& call) {
  if (core_.deps.answers == nullptr) throw unavailable("nobody answers the command line");
  auto answer = co_await core_.deps.answers->answer(call.ids[0], std::move(call.body));
  if (answer) co_return json_response(200, *answer);
  // Who asks may read the databases: the sentence is theirs to see.
  throw Refusal{422, std::string(fault_name(answer.error().fault)), answer.error().message, {}, {}};
}

}  // namespace postern::admin
