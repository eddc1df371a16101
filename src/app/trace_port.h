#pragma once

#include <memory>
#include <string>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "store/traces.h"

namespace postern::app {

/// GET /traces: an account's own decisions, read on the disk threads.
class TracePort final : public admin::TraceReader {
 public:
  /// Both outlive this; the database at `path` exists.
  TracePort(store::TraceWriter& writer, std::string path, net::WorkPool& disk)
      : writer_(writer), path_(std::move(path)), disk_(disk) {}

  void forget_account(std::string account_id) override {
    writer_.forget_account(std::move(account_id));
  }
  Task<Result<admin::TraceList>> list(admin::TraceQuery query) override;
  Task<Result<std::optional<boost::json::object>>> find(std::string account_id,
                                                        std::string id) override;

 private:
  store::TraceWriter& writer_;
  const std::string path_;
  net::WorkPool& disk_;
};

}  // namespace postern::app
