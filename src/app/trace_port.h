#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "store/traces.h"

namespace postern::app {

/// Traces and their counts, read on the disk threads.
class TracePort final : public admin::TraceReader {
 public:
  /// Both outlive this; the database at `path` exists.
  TracePort(store::TraceWriter& writer, std::string path, net::WorkPool& disk)
      : writer_(writer), path_(std::move(path)), disk_(disk) {}

  void forget_account(std::string account_id) override {
    writer_.forget_account(std::move(account_id));
  }
  Task<Result<admin::TraceList>> list(admin::TraceQuery query) override;
  Task<Result<std::optional<boost::json::object>>> find(std::optional<std::string> account_id,
                                                        std::string id) override;
  Task<Result<std::optional<boost::json::object>>> story(std::optional<std::string> account_id,
                                                         std::string id) override;
  Task<Result<store::TraceFound>> search(store::TraceSearch search,
                                         store::TraceWords words) override;
  Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery query) override;
  Task<Result<std::vector<store::DayCounts>>> day_counts(
      std::string account_id, std::vector<std::string> webhooks) override;

  /// The one reader, opened when it is first needed; it sees what was posted before. Blocks.
  Result<store::TraceReader*> reader();

 private:
  /// Runs `read` on a disk thread in the account's turn, the operators' where there is none, when
  /// what was posted before can be read.
  template <class Read>
  auto with_reader(const std::optional<std::string>& account, Read read)
      -> Task<std::invoke_result_t<Read&, store::TraceReader&>>;

  store::TraceWriter& writer_;
  const std::string path_;
  net::WorkPool& disk_;
  std::mutex mutex_;
  std::unique_ptr<store::TraceReader> reader_;
};

}  // namespace postern::app
