// What an edit of everything that decides does: two versions judged as a whole, for the command
// line and for the API (docs/plan.md).
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/config.h"
#include "plan/compare.h"
#include "plan/guard.h"
#include "plan/report.h"
#include "policy/directory.h"

namespace postern::plan {

/// A version with all that decides in it.
struct Edition {
  std::string name;    ///< as the user named it: "new.toml", "running"
  std::string file;    ///< its configuration, in the places of rules
  app::Config config;  ///< loaded with its policies
  std::string text;    ///< of the configuration's file: says what differs and is not compared
  std::shared_ptr<const policy::Directory> directory = std::make_shared<policy::Directory>();
  Webhooks webhooks = {};  ///< all of the directory, for the guardrails
  /// What they are proved for, with `webhooks` in place of its own.
  GuardScope scope = {};
  std::set<std::string> compared = {};  ///< addresses of webhooks that are compared
  /// Files with relative names that were read from the working folder, though another file of that
  /// name lies beside the configuration.
  std::set<std::string> passed_over = {};
  std::set<std::string> unloaded = {};  ///< layers of which `config` has another text than decides
};

/// What is asked about an edit.
struct EditOptions {
  CompareOptions compare = {};  ///< `elsewhere` and `lists_are_equal` are found out
  bool guardrails = true;       ///< those of NEW are proved
  GuardBudget guards = {};      ///< of the guardrails of NEW
};

/// Compares, and proves the guardrails of `after`. Blocks for the budgets. Sends nothing.
Report judge_edit(const Edition& before, const Edition& after, const EditOptions& options);

}  // namespace postern::plan
