#include "serve/cluster_feeds.h"

#include "admin/digest.h"
#include "base/text.h"
#include "telemetry/log.h"

namespace postern::app {
namespace {

/// Decisions that are older are not shown to those who watch: this gateway was away.
constexpr std::chrono::minutes news{10};

std::function<bool(const std::string&, std::int64_t, const std::string&)> unpacking(
    const store::Seal& seal,
    std::function<bool(const std::string&, std::int64_t, std::vector<std::string>)> take) {
  return [seal, take = std::move(take)](const std::string& node, std::int64_t number,
                                        const std::string& piece) {
    auto items = store::unpack_items(seal, piece);
    if (items) return take(node, number, std::move(*items));
    telemetry::log::warning("cluster.feed")
        .field("name", node)
        .msg("traces or deliveries of this gateway cannot be read, and are not shown here");
    return true;
  };
}

}  // namespace

ClusterFeeds::ClusterFeeds(std::string node)
    : node_(std::move(node)),
      traces_told_(std::make_shared<cluster::FeedOutbox>()),
      deliveries_told_(std::make_shared<cluster::FeedOutbox>()) {}

Result<void> ClusterFeeds::begin(const Ends& ends) {
  const auto key = ends.store.server_secret("feed", Secret(base64_encode(admin::random_bytes(32))));
  if (!key) return tl::unexpected(key.error());
  const store::Seal seal(*key);
  const auto pack = [seal](const std::vector<std::string>& items) {
    return store::pack_items(seal, items);
  };
  const auto watch = [&watchers = ends.watchers](const store::TraceRow& row) {
    if (row.time + news < store::now()) return;
    watchers.publish(std::make_shared<const store::TraceRow>(row));
  };
  const auto take_traces = [&traces = ends.traces, watch](const std::string& node,
                                                          std::int64_t number,
                                                          std::vector<std::string> items) {
    return traces.take(node, number, std::move(items), watch);
  };
  const auto take_records = [&log = ends.log](const std::string& node, std::int64_t number,
                                              std::vector<std::string> items) {
    return log.take(node, number, std::move(items));
  };
  trace_feed_ =
      std::make_unique<cluster::Feed>(ends.database, *traces_told_,
                                      cluster::FeedOptions{.kind = "traces",
                                                           .node = node_,
                                                           .pack = pack,
                                                           .take = unpacking(seal, take_traces),
                                                           .taken = ends.traces.taken(),
                                                           .cleans = ends.cleans});
  delivery_feed_ =
      std::make_unique<cluster::Feed>(ends.database, *deliveries_told_,
                                      cluster::FeedOptions{.kind = "deliveries",
                                                           .node = node_,
                                                           .pack = pack,
                                                           .take = unpacking(seal, take_records),
                                                           .taken = ends.log.taken()});
  return {};
}

}  // namespace postern::app
