#pragma once

#include <functional>
#include <string>

#include "admin/ports.h"
#include "dialect/replay.h"
#include "dns/resolver.h"
#include "net/work_pool.h"
#include "policy/directory.h"
#include "store/traces.h"

namespace postern::app {

/// A recorded transaction decided once more: by `draft`, by the directory's routes and policies,
/// and with DNS as the resolver answers now. What other programs and scripts were told, and what
/// was found in the message, stays as recorded. `account`: other accounts' recipients are left out.
Task<admin::TraceRerunResult> decide_again(policy::Trace trace, const dialect::Draft& draft,
                                           const policy::Directory& directory,
                                           dns::Resolver& resolver,
                                           std::optional<std::string> account);

/// POST /traces/{id}/run-again.
class TraceRerunPort final : public admin::TraceRerun {
 public:
  /// All outlive this; the database at `path` exists.
  TraceRerunPort(store::TraceWriter& writer, std::string path, net::WorkPool& disk,
                 const policy::Directory& directory, dns::Resolver& resolver,
                 std::function<dialect::Draft()> running)
      : writer_(writer),
        path_(std::move(path)),
        disk_(disk),
        directory_(directory),
        resolver_(resolver),
        running_(std::move(running)) {}

  Task<Result<std::optional<admin::TraceRerunResult>>> run(std::optional<std::string> account,
                                                           std::string id) override;

 private:
  store::TraceWriter& writer_;
  const std::string path_;
  net::WorkPool& disk_;
  const policy::Directory& directory_;
  dns::Resolver& resolver_;
  const std::function<dialect::Draft()> running_;
};

}  // namespace postern::app
