// The cost of the relay between the queue and the next hop: messages a second and processor time a
// message, on one event loop, to a sink that is already running.
//   courier_bench [PORT [MESSAGES [AT A TIME [OCTETS]]]]     for example with
//   `smtp-sink :2600 1000` running
#include <chrono>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "dns/recorded_resolver.h"
#include "measure.h"
#include "relay/courier.h"

namespace {

using namespace postern;
using namespace postern::relay;

struct Run {
  Courier* courier = nullptr;
  std::string octets;
  long left = 0;
  long delivered = 0;
  long connections = 0;
  int workers = 0;
};

Task<void> work(Run* run) {
  const TextSource source = [run](std::uint64_t offset, std::size_t room) {
    return std::string_view(run->octets).substr(offset, room);
  };
  while (run->left-- > 0) {
    smtp::OutboundMessage message;
    message.reverse_path = "author@example.org";
    message.recipients = {{fmt::format("user{}@example.net", run->left % 1000), "", ""}};
    message.size = run->octets.size();
    const AttemptReport report = co_await run->courier->attempt(message, source);
    run->delivered += report.results[0].klass == smtp::ResultClass::delivered ? 1 : 0;
    run->connections += report.connections.front().reused ? 0 : 1;
  }
  if (--run->workers == 0) run->courier->close_idle();
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, long otherwise) {
    return argc > i ? std::strtol(argv[i], nullptr, 10) : otherwise;
  };
  const long messages = number(2, 20'000);
  auto config = std::make_shared<RelayConfig>();
  config->routing.hostname = "relay.example.net";
  Route route = parse_route({fmt::format("[127.0.0.1]:{}", number(1, 2600))}).value();
  if (!config->routes.add("*", route)) return 1;
  const auto resolver = dns::RecordedResolver::parse("{\"zone\": {}}").value();
  Run run{.left = messages, .workers = static_cast<int>(number(3, 20))};
  run.octets = "Subject: x\r\n\r\n";
  const auto size = static_cast<std::size_t>(number(4, 4096));
  while (run.octets.size() < size) run.octets += std::string(76, 'x') + "\r\n";

  boost::asio::io_context loop(1);
  Courier courier(config, *resolver);
  run.courier = &courier;
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = bench::thread_nanoseconds();
  for (int i = run.workers; i > 0; --i) {
    boost::asio::co_spawn(loop, work(&run), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  loop.run();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print(
      "{} of {} delivered over {} connections: {:.0f} a second, {:.1f} us of this thread each\n",
      run.delivered, messages, run.connections, static_cast<double>(messages) / seconds,
      (bench::thread_nanoseconds() - cpu) / 1000 / static_cast<double>(messages));
  return run.delivered == messages ? 0 : 1;
}
