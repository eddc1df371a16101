#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "store/traces.h"

namespace postern::app {

/// Reads traces and their counts on the disk threads. Thread-safe.
class TracePort final : public admin::TraceReader {
 public:
  /// `writer` and `disk` outlive this object; the database at `path` exists.
  TracePort(store::TraceWriter& writer, std::string path, net::WorkPool& disk)
      : writer_(writer), path_(std::move(path)), disk_(disk) {}

  /// Removes the account from traces.
  void forget_account(std::string account_id) override {
    writer_.forget_account(std::move(account_id));
  }
  /// A page of traces, newest first.
  Task<Result<admin::TraceList>> list(admin::TraceQuery query) override;
  /// One trace; nullopt: unknown or not of the account. Without an account: any trace.
  Task<Result<std::optional<boost::json::object>>> find(std::optional<std::string> account_id,
                                                        std::string id) override;
  /// The same in the form of TraceStory (docs/openapi.yaml).
  Task<Result<std::optional<boost::json::object>>> story(std::optional<std::string> account_id,
                                                         std::string id) override;
  /// Traces that match a search.
  Task<Result<store::TraceFound>> search(store::TraceSearch search,
                                         store::TraceWords words) override;
  /// Counts of decisions.
  Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery query) override;
  /// Counts of an account's webhooks by day.
  Task<Result<std::vector<store::DayCounts>>> day_counts(
      std::string account_id, std::vector<std::string> webhooks) override;

  /// The only reader, opened at the first use; it sees what was posted before. Blocks.
  Result<store::TraceReader*> reader();

 private:
  /// Runs `read` on a disk thread in the account's turn (without one, the operators') after all
  /// posted traces were written.
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
