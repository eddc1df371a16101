#pragma once

#include <functional>
#include <string>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "serve/address_verifier.h"
#include "serve/live_questions.h"
#include "serve/reload_desk.h"
#include "serve/trace_port.h"

namespace postern::app {

/// Answers questions of the command line in the running gateway, from its open databases, on the
/// disk threads.
class LiveAnswersPort final : public admin::LiveAnswers, private Databases {
 public:
  /// What the process says of itself.
  using Health = std::function<Task<boost::json::object>()>;
  /// About certificates: the questions whose names begin with "tls-", on a disk thread.
  using AboutTls = std::function<Result<boost::json::object>(const std::string& question,
                                                             const boost::json::object& given)>;
  /// The configuration that decides now, on a disk thread.
  using Running = std::function<Result<boost::json::object>()>;
  /// The references outlive it. `pages`: the URL of the pages; any thread. The question "reload" is
  /// the desk's, "health" is `health`'s, "running" is `running`'s, and those of `about_tls` are its
  /// own: they are about the process, not about its data.
  LiveAnswersPort(store::Store& store, store::DeliveryLog& log, spool::InboxReader& inbox,
                  TracePort& traces, const AddressVerifier& addresses, net::WorkPool& disk,
                  std::function<std::string()> pages, ReloadDesk& reloads, Health health,
                  Running running, AboutTls about_tls)
      : store_(store),
        log_(log),
        inbox_(inbox),
        traces_(traces),
        addresses_(addresses),
        disk_(disk),
        pages_(std::move(pages)),
        reloads_(reloads),
        health_(std::move(health)),
        running_(std::move(running)),
        about_tls_(std::move(about_tls)) {}

  /// See answer_question().
  Task<Result<boost::json::object>> answer(std::string question,
                                           boost::json::object given) override;

 private:
  Result<store::Store*> control() override { return &store_; }
  Result<store::DeliveryLog*> deliveries() override { return &log_; }
  Result<spool::InboxReader*> inbox() override { return &inbox_; }
  Result<store::TraceReader*> traces() override { return traces_.reader(); }
  Result<std::optional<store::VerifiedRow>> verified(const std::string& address) override;
  std::string pages() const override { return pages_(); }

  store::Store& store_;
  store::DeliveryLog& log_;
  spool::InboxReader& inbox_;
  TracePort& traces_;
  const AddressVerifier& addresses_;
  net::WorkPool& disk_;
  const std::function<std::string()> pages_;
  ReloadDesk& reloads_;
  const Health health_;
  const Running running_;
  const AboutTls about_tls_;
};

}  // namespace postern::app
