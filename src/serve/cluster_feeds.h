// What the gateways of a cluster tell each other of decisions and deliveries, so that each can show
// those of all.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/trace_hub.h"
#include "cluster/feed.h"
#include "store/delivery_log.h"
#include "store/sql_store.h"
#include "store/traces.h"

namespace postern::app {

/// Two feeds: traces, and records of deliveries.
class ClusterFeeds {
 public:
  /// `node`: this gateway's name.
  explicit ClusterFeeds(std::string node);

  /// For the traces of this gateway.
  store::Telling traces() const { return {.outbox = traces_told_, .node = node_}; }
  /// For its delivery log.
  store::Telling deliveries() const { return {.outbox = deliveries_told_, .node = node_}; }
  /// Items that the others will not hear of, since the start.
  std::uint64_t dropped() const { return traces_told_->dropped() + deliveries_told_->dropped(); }

  /// Where what is heard goes. All of it outlives this object.
  struct Ends {
    cluster::Database& database;   ///< of the cluster
    store::SqlStore& store;        ///< has the key that all gateways share
    store::TraceWriter& traces;    ///< gets the traces
    store::DeliveryLog& log;       ///< gets the records
    admin::TraceHub& watchers;     ///< see the traces, too
    std::function<bool()> cleans;  ///< whether this gateway deletes what is old, for all
  };
  /// Begins to tell and to hear. Faults of the store.
  Result<void> begin(const Ends& ends);

 private:
  const std::string node_;
  const std::shared_ptr<cluster::FeedOutbox> traces_told_;
  const std::shared_ptr<cluster::FeedOutbox> deliveries_told_;
  std::unique_ptr<cluster::Feed> trace_feed_;
  std::unique_ptr<cluster::Feed> delivery_feed_;
};

}  // namespace postern::app
