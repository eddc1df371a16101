#pragma once

#include <functional>
#include <string>

#include "admin/ports.h"
#include "dns/resolver.h"
#include "net/work_pool.h"
#include "policy/directory.h"
#include "replay/replay.h"
#include "store/traces.h"

namespace postern::app {

/// Decides on a recorded transaction again: by `draft`, with the directory's current routes and
/// policies, and with current DNS. Recorded answers to other programs and scripts and results about
/// the message stay. `account`: recipients of other accounts are left out. References outlive the
/// task.
Task<admin::TraceRerunResult> decide_again(policy::Trace trace, const replay::Draft& draft,
                                           const policy::Directory& directory,
                                           dns::Resolver& resolver,
                                           std::optional<std::string> account);

/// POST /traces/{id}/run-again.
class TraceRerunPort final : public admin::TraceRerun {
 public:
  /// The references outlive this object; the database at `path` exists. `running` returns what
  /// decides now.
  TraceRerunPort(store::TraceWriter& writer, std::string path, net::WorkPool& disk,
                 const policy::Directory& directory, dns::Resolver& resolver,
                 std::function<replay::Draft()> running)
      : writer_(writer),
        path_(std::move(path)),
        disk_(disk),
        directory_(directory),
        resolver_(resolver),
        running_(std::move(running)) {}

  /// nullopt: the trace is unknown or not of the account.
  Task<Result<std::optional<admin::TraceRerunResult>>> run(std::optional<std::string> account,
                                                           std::string id) override;

 private:
  store::TraceWriter& writer_;
  const std::string path_;
  net::WorkPool& disk_;
  const policy::Directory& directory_;
  dns::Resolver& resolver_;
  const std::function<replay::Draft()> running_;
};

}  // namespace postern::app
