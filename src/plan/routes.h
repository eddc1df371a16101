// Where taken mail goes: the routes of two versions compared (docs/plan.md, "Routes").
#pragma once

#include <set>
#include <string>

#include "plan/compare.h"

namespace postern::plan {

/// Whether an edit of [[route]] may decide whether mail is taken: by what is refused at RCPT, or
/// because lists ask whether an address can be delivered. Blocks to read the tables of routes.
bool routes_may_decide(const app::Config& before, const app::Config& after);

/// Compares which webhook, next hop, folder and quarantine takes mail that both versions take, and
/// sets Comparison::routes. `found`: the verdicts, with their witnesses. `webhooks`: addresses of
/// those that are not the same in both. Blocks until the deadline at most, and the time of one
/// rule. Sends nothing.
void compare_routes(const Version& before, const Version& after,
                    const std::set<std::string>& webhooks, const CompareOptions& options,
                    const Deadline& deadline, Comparison& found);

}  // namespace postern::plan
