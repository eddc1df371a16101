#pragma once

#include <functional>
#include <string>

#include "admin/ports.h"
#include "app/live_questions.h"
#include "app/trace_port.h"
#include "net/work_pool.h"

namespace postern::app {

/// The running gateway's answers to the command line, from the databases it has open, on the disk
/// threads.
class LiveAnswersPort final : public admin::LiveAnswers, private Databases {
 public:
  /// All outlive this.
  LiveAnswersPort(store::Store& store, store::DeliveryLog& log, spool::InboxReader& inbox,
                  TracePort& traces, net::WorkPool& disk, std::function<std::string()> pages)
      : store_(store),
        log_(log),
        inbox_(inbox),
        traces_(traces),
        disk_(disk),
        pages_(std::move(pages)) {}

  Task<Result<boost::json::object>> answer(std::string question,
                                           boost::json::object given) override;

 private:
  Result<store::Store*> control() override { return &store_; }
  Result<store::DeliveryLog*> deliveries() override { return &log_; }
  Result<spool::InboxReader*> inbox() override { return &inbox_; }
  Result<store::TraceReader*> traces() override { return traces_.reader(); }
  std::string pages() const override { return pages_(); }

  store::Store& store_;
  store::DeliveryLog& log_;
  spool::InboxReader& inbox_;
  TracePort& traces_;
  net::WorkPool& disk_;
  const std::function<std::string()> pages_;
};

}  // namespace postern::app
