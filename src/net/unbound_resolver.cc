#include "net/unbound_resolver.h"

#include <filesystem>
#include <fstream>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <unbound.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/ip.h"
#include "base/text.h"
#include "net/dns_records.h"
#include "net/lookup_shares.h"

namespace postern::net {
namespace asio = boost::asio;

namespace {

/// The names that libunbound answers itself unless told otherwise. A gateway must see what DNS says
/// of all of them: policies ask about private addresses too. `localhost.` stays local (RFC 6761
/// §6.3).
std::vector<std::string> built_in_zones() {
  std::vector<std::string> zones{"test.",
                                 "localhost.",
                                 "invalid.",
                                 "onion.",
                                 "home.arpa.",
                                 "127.in-addr.arpa.",
                                 "0.in-addr.arpa.",
                                 "10.in-addr.arpa.",
                                 "168.192.in-addr.arpa.",
                                 "254.169.in-addr.arpa.",
                                 "2.0.192.in-addr.arpa.",
                                 "100.51.198.in-addr.arpa.",
                                 "113.0.203.in-addr.arpa.",
                                 "255.255.255.255.in-addr.arpa.",
                                 "d.f.ip6.arpa.",
                                 "8.e.f.ip6.arpa.",
                                 "9.e.f.ip6.arpa.",
                                 "a.e.f.ip6.arpa.",
                                 "b.e.f.ip6.arpa.",
                                 "8.b.d.0.1.0.0.2.ip6.arpa."};
  for (int octet = 16; octet < 32; ++octet)
    zones.push_back(fmt::format("{}.172.in-addr.arpa.", octet));
  for (int octet = 64; octet < 128; ++octet)
    zones.push_back(fmt::format("{}.100.in-addr.arpa.", octet));
  std::string zeros;
  for (int nibble = 0; nibble < 31; ++nibble) zeros += "0.";
  zones.push_back("0." + zeros + "ip6.arpa.");
  zones.push_back("1." + zeros + "ip6.arpa.");
  return zones;
}

/// `127.0.0.1:5353` and `[2001:db8::1]:53` in libunbound's spelling, `127.0.0.1@5353`.
Result<std::string> forwarder(std::string_view server) {
  const auto wrong = [&](std::string_view what) {
    return fail(Fault::malformed, fmt::format("{} {}", what, printable(server, 80)));
  };
  const Result<HostAndPortView> split = split_port(server);
  if (!split) return wrong("not a name server:");
  std::uint16_t port = 53;
  if (split->port) {
    port = parse_port(*split->port).value_or(0);
    if (port == 0) return wrong("not a port in name server");
  }
  const Result<IpAddress> address = IpAddress::parse(split->host);
  if (!address) return wrong("a name server is an IP address, not");
  return fmt::format("{}@{}", address->to_string(), port);
}

/// Whether a resolv.conf has a name server (resolv.conf(5)).
bool names_servers(const std::string& file) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (istarts_with(trim(line), "nameserver")) return true;
  return false;
}

/// One caller that waits. Owned by its coroutine; touched on its executor only, but for what the
/// shares know.
struct Waiter : LookupShares::Waiting, std::enable_shared_from_this<Waiter> {
  Waiter(asio::any_io_executor where, std::string client)
      : Waiting(std::move(client)), executor(std::move(where)), timer(executor) {}
  const asio::any_io_executor executor;
  asio::steady_timer timer;
  std::optional<dns::Answer> answer;
};

void deliver(const std::weak_ptr<Waiter>& waiting, dns::Answer answer) {
  const std::shared_ptr<Waiter> waiter = waiting.lock();
  if (!waiter) return;
  waiter->answer = std::move(answer);
  waiter->timer.cancel();
}

/// Tells who got a place; null: nobody did.
void call_up(LookupShares::Waiting* next) {
  if (next == nullptr) return;
  const std::weak_ptr<Waiter> waiting = static_cast<Waiter*>(next)->weak_from_this();
  asio::post(static_cast<Waiter*>(next)->executor, [waiting] {
    if (const std::shared_ptr<Waiter> waiter = waiting.lock()) waiter->timer.cancel();
  });
}

}  // namespace

class UnboundResolver::Context : public std::enable_shared_from_this<Context> {
 public:
  Context(const asio::any_io_executor& executor, std::size_t lookups)
      : descriptor_(executor), shares_(lookups) {}
  ~Context() {
    if (descriptor_.is_open()) descriptor_.release();  // libunbound closes its own pipe
    if (context_ != nullptr) ub_ctx_delete(context_);  // no callback comes for what is pending
  }

  Result<void> open(const UnboundOptions& options);
  void listen();
  /// True: the look-up may start. False: the waiter's timer is cancelled when it may.
  bool take_place(Waiter& waiter);
  bool has_place(const Waiter& waiter);
  /// The waiter goes: out of the line, or from a place that no look-up began in.
  void leave(Waiter& waiter);
  /// Starts a query in the waiter's place, which it has until libunbound calls back; false when
  /// libunbound will not even try.
  bool start(const dns::Question& question, const std::shared_ptr<Waiter>& waiter);
  void process() { ub_process(context_); }

 private:
  struct Query {
    Context* context = nullptr;
    std::uint64_t key = 0;
    dns::Question question;
    std::string client;
    asio::any_io_executor executor;
    std::weak_ptr<Waiter> waiter;
  };

  Result<void> set(const char* option, const std::string& value);
  static void on_result(void* query, int error, ub_result* result);
  std::unique_ptr<Query> take(std::uint64_t key);

  ub_ctx* context_ = nullptr;
  asio::posix::stream_descriptor descriptor_;
  std::mutex mutex_;  ///< guards the three below
  LookupShares shares_;
  std::uint64_t next_key_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Query>> queries_;
};

Result<void> UnboundResolver::Context::set(const char* option, const std::string& value) {
  const int error = ub_ctx_set_option(context_, option, value.c_str());
  if (error == 0) return {};
  return fail(Fault::permanent,
              fmt::format("resolver option {} {}: {}", option, value, ub_strerror(error)));
}

Result<void> UnboundResolver::Context::open(const UnboundOptions& options) {
  context_ = ub_ctx_create();
  if (context_ == nullptr) return fail(Fault::permanent, "the resolver cannot be created");
  ub_ctx_debuglevel(context_, 0);
  const std::pair<const char*, std::string> settings[] = {
      // A name server on the loopback, as tests and local caches are, would not be asked otherwise.
      {"do-not-query-localhost:", "no"},
      {"msg-cache-size:", fmt::format("{}", options.message_cache_bytes)},
      {"rrset-cache-size:", fmt::format("{}", options.record_cache_bytes)},
      // One name whose servers are silent must not make the forwarder look dead for the others.
      {"infra-host-ttl:", "0"},
      // Nor may it wait with others for one of a few sockets, as it does by itself: each look-up
      // has its own, and further ones wait in their client's share. A name is given up soon, since
      // nobody waits for it longer than dns.timeout.
      {"outgoing-range:", fmt::format("{}", 2 * options.lookups)},
      {"num-queries-per-thread:", fmt::format("{}", 4 * options.lookups)},
      {"infra-cache-max-rtt:", "2000"},
      {"use-syslog:", "no"},
  };
  for (const auto& [option, value] : settings)
    if (Result<void> done = set(option, value); !done) return done;
  // Everything below up to the zones must precede the first use of the context.
  std::error_code ignored;
  const bool forwards = !options.servers.empty() || names_servers(options.resolv_conf);
  if (!forwards && !options.trust_anchor_file.empty() &&
      std::filesystem::is_regular_file(options.trust_anchor_file, ignored)) {
    const int error = ub_ctx_add_ta_file(context_, options.trust_anchor_file.c_str());
    if (error != 0)
      return fail(Fault::permanent, fmt::format("trust anchor {}: {}", options.trust_anchor_file,
                                                ub_strerror(error)));
  }
  for (const std::string& server : options.servers) {
    const Result<std::string> target = forwarder(server);
    if (!target) return tl::unexpected<Error>(target.error());
    if (const int error = ub_ctx_set_fwd(context_, target->c_str()); error != 0)
      return fail(Fault::permanent, fmt::format("name server {}: {}", server, ub_strerror(error)));
  }
  if (options.servers.empty() && !options.resolv_conf.empty())
    ub_ctx_resolvconf(context_, options.resolv_conf.c_str());
  if (const int error = ub_ctx_async(context_, 1); error != 0)  // a thread, not a process
    return fail(Fault::permanent, fmt::format("the resolver's thread: {}", ub_strerror(error)));
  for (const std::string& zone : built_in_zones())
    if (const int error = ub_ctx_zone_remove(context_, zone.c_str()); error != 0)
      return fail(Fault::permanent,
                  fmt::format("the resolver cannot start: {}", ub_strerror(error)));
  // The first question makes the library's event loop, and without a descriptor left for that it
  // ends the process: so it is asked now, of a name that stays local, and not by the first mail.
  if (const int begun = ub_resolve_async(
          context_, "localhost.", 1, 1, nullptr,
          [](void*, int, ub_result* result) { ub_resolve_free(result); }, nullptr);
      begun != 0 || ub_wait(context_) != 0) {
    return fail(Fault::permanent, "the resolver's thread cannot start");
  }
  boost::system::error_code error;
  descriptor_.assign(ub_fd(context_), error);
  if (error) return fail(Fault::permanent, "the resolver's pipe: " + error.message());
  return {};
}

void UnboundResolver::Context::listen() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [weak = weak_from_this()](const boost::system::error_code& error) {
                           const std::shared_ptr<Context> self = weak.lock();
                           if (error || !self) return;
                           self->process();
                           self->listen();
                         });
}

bool UnboundResolver::Context::take_place(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  return shares_.take(waiter);
}

bool UnboundResolver::Context::has_place(const Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  return waiter.has_place();
}

void UnboundResolver::Context::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  call_up(shares_.left(waiter));
}

bool UnboundResolver::Context::start(const dns::Question& question,
                                     const std::shared_ptr<Waiter>& waiter) {
  auto made = std::make_unique<Query>();
  Query* const query = made.get();
  query->context = this;
  query->question = question;
  query->client = waiter->client();
  query->executor = waiter->executor;
  query->waiter = waiter;
  // In presentation format a backslash starts an escape; in a question it is an octet like any
  // other.
  std::string name;
  for (const char c : question.name) name += c == '\\' ? std::string("\\\\") : std::string(1, c);
  // The lock spans the start: a callback on the other thread finds its query registered.
  const std::lock_guard lock(mutex_);
  query->key = next_key_++;
  const int error = ub_resolve_async(context_, name.c_str(), static_cast<int>(question.type), 1,
                                     query, &Context::on_result, nullptr);
  if (error != 0) return false;
  shares_.begun(*waiter);
  queries_.emplace(query->key, std::move(made));
  return true;
}

std::unique_ptr<UnboundResolver::Context::Query> UnboundResolver::Context::take(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  auto node = queries_.extract(key);
  if (!node) return nullptr;
  call_up(shares_.release(node.mapped()->client));
  return std::move(node.mapped());
}

void UnboundResolver::Context::on_result(void* data, int error, ub_result* result) {
  Query* const waiting = static_cast<Query*>(data);
  const std::unique_ptr<Query> query = waiting->context->take(waiting->key);
  dns::Answer answer;
  if (error == 0 && result != nullptr) answer = answer_of(*result, query->question);
  // A name that cannot be put in a question (an empty or overlong label) does not exist.
  if (error == UB_SYNTAX) answer.status = dns::Status::nx_domain;
  ub_resolve_free(result);
  if (query->waiter.expired()) return;  // its loop may be gone, too
  asio::post(query->executor, [waiter = query->waiter, answer = std::move(answer)]() mutable {
    deliver(waiter, std::move(answer));
  });
}

UnboundResolver::UnboundResolver(std::shared_ptr<Context> context) : context_(std::move(context)) {}
UnboundResolver::~UnboundResolver() = default;

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::open(asio::any_io_executor executor,
                                                               UnboundOptions options) {
  auto context = std::make_shared<Context>(executor, options.lookups);
  if (Result<void> opened = context->open(options); !opened)
    return tl::unexpected<Error>(std::move(opened.error()));
  context->listen();
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(context)));
}

Task<dns::Answer> UnboundResolver::lookup_for(std::string client, dns::Question question,
                                              std::chrono::milliseconds limit) {
  if (question.name.empty()) co_return dns::Answer{.status = dns::Status::nx_domain};
  const auto waiter =
      std::make_shared<Waiter>(co_await asio::this_coro::executor, std::move(client));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  waiter->timer.expires_at(deadline);
  struct Guard {
    ~Guard() {
      if (const auto here = context.lock()) here->leave(*waiter);
    }
    std::weak_ptr<Context> context;
    std::shared_ptr<Waiter> waiter;
  };
  const Guard guard{context_, waiter};
  boost::system::error_code expired;
  if (!context_->take_place(*waiter)) {
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, expired));
    if (std::chrono::steady_clock::now() >= deadline || !context_->has_place(*waiter))
      co_return dns::Answer{.status = dns::Status::timeout};
  }
  if (!context_->start(question, waiter))
    co_return dns::Answer{.status = dns::Status::server_failure};
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, expired));
  if (waiter->answer) co_return std::move(*waiter->answer);
  co_return dns::Answer{.status = dns::Status::timeout};
}

}  // namespace postern::net
