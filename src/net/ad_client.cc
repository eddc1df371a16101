#include "net/ad_client.h"

#include <chrono>
#include <new>
#include <utility>

#include <ares.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sodium.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "net/dns_records.h"

namespace postern::net {

namespace {

constexpr int dnskey = 48;
constexpr int in_class = 1;
constexpr int udp_octets = 1232;  // fits any path without fragmentation
constexpr int first_wait_ms = 2000;
constexpr int ad_tries = 2;
constexpr std::chrono::milliseconds no_memory_wait{10};

dns::Answer answer_from(int status, std::string_view packet, const dns::Question& question) {
  if (status == ARES_SUCCESS) return answer_of(packet, question);
  if (status == ARES_ETIMEOUT) return {.status = dns::Status::timeout};
  // Such a name cannot be in a question, so it does not exist.
  if (status == ARES_EBADNAME) return {.status = dns::Status::nx_domain};
  return {.status = dns::Status::server_failure};
}

}  // namespace

Result<std::shared_ptr<AdClient>> AdClient::open(const std::vector<std::string>& servers,
                                                 std::size_t lookups, Transport transport) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  auto client = std::make_shared<AdClient>(lookups);
  client->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  if (transport == Transport::streams) options.flags |= ARES_FLAG_USEVC;
  options.timeout = first_wait_ms;
  options.tries = ad_tries;
  options.ednspsz = udp_octets;
  options.sock_state_cb_data = client.get();
  options.sock_state_cb = &AdClient::on_socket;
  constexpr int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                        ARES_OPT_SOCK_STATE_CB;
  int status = library;
  if (status == ARES_SUCCESS) status = ares_init_options(&client->channel_, &options, given);
  if (status == ARES_SUCCESS)
    status = ares_set_servers_ports_csv(client->channel_,
                                        fmt::format("{}", fmt::join(servers, ",")).c_str());
  if (status != ARES_SUCCESS || client->wake_ < 0)
    return fail(Fault::permanent,
                fmt::format("the name servers cannot be asked: {}", ares_strerror(status)));
  client->thread_ = named_thread("dns-ad", [raw = client.get()] { raw->run(); });
  return client;
}

AdClient::~AdClient() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    ::eventfd_write(wake_, 1);
    thread_.join();
  }
  if (channel_ != nullptr) ares_destroy(channel_);
  if (wake_ >= 0) ::close(wake_);
}

void AdClient::on_socket(void* client, int socket, int readable, int writable) noexcept {
  auto& watched = static_cast<AdClient*>(client)->watched_;
  if (readable == 0 && writable == 0) {
    watched.erase(socket);
    return;
  }
  try {
    watched[socket] =
        static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
  } catch (const std::bad_alloc&) {
    return;  // the query then times out
  }
}

bool AdClient::begin(const Query& query) {
  hand_over({.client = this, .key = query.key, .question = query.question});
  return true;
}

bool AdClient::begin_probe() {
  hand_over({.client = this, .question = {".", static_cast<dns::Type>(dnskey)}});
  return true;
}

std::optional<DnssecProbe> AdClient::probed() {
  const std::lock_guard lock(mutex_);
  return probe_;
}

void AdClient::hand_over(Job job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  ::eventfd_write(wake_, 1);
}

void AdClient::run() {
  for (;;) {
    try {
      if (!turn()) return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(no_memory_wait);
    }
  }
}

/// Sends new queries and waits once for events. False: stop.
bool AdClient::turn() {
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    jobs.swap(jobs_);
  }
  for (const Job& job : jobs) {
    try {
      send(job);
    } catch (const std::bad_alloc&) {
      end(job, {.status = dns::Status::server_failure});
    }
  }

  std::vector<pollfd> ready{{.fd = wake_, .events = POLLIN, .revents = 0}};
  for (const auto& [socket, events] : watched_) ready.push_back({socket, events, 0});
  timeval room{};
  const timeval* due = ares_timeout(channel_, nullptr, &room);
  const int wait =
      due == nullptr ? -1 : static_cast<int>(due->tv_sec * 1000 + due->tv_usec / 1000 + 1);
  ::poll(ready.data(), ready.size(), wait);
  eventfd_t ignored = 0;
  ::eventfd_read(wake_, &ignored);
  for (std::size_t i = 1; i < ready.size(); ++i) {
    const bool failed = (ready[i].revents & (POLLERR | POLLHUP)) != 0;
    const bool in = failed || (ready[i].revents & POLLIN) != 0;
    const bool out = (ready[i].revents & POLLOUT) != 0;
    if (in || out)
      ares_process_fd(channel_, in ? ready[i].fd : ARES_SOCKET_BAD,
                      out ? ready[i].fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // expires queries
  return true;
}

void AdClient::send(const Job& job) {
  const std::string name = presentation_of(job.question.name);
  unsigned char* packet = nullptr;
  int length = 0;
  const auto id = static_cast<unsigned short>(randombytes_uniform(0x10000));
  auto kept = std::make_unique<Job>(job);
  if (const int status =
          ares_create_query(name.c_str(), in_class, static_cast<int>(job.question.type), id, 1,
                            &packet, &length, udp_octets);
      status != ARES_SUCCESS) {
    on_answer(kept.release(), status, 0, nullptr, 0);
    return;
  }
  packet[3] |= 0x20;  // sets AD: report whether the answer is authentic (RFC 6840 §5.7)
  ares_send(channel_, packet, length, &AdClient::on_answer, kept.release());
  ares_free_string(packet);
}

void AdClient::on_answer(void* data, int status, int, unsigned char* packet, int length) noexcept {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (status == ARES_EDESTRUCTION) return;
  const std::string_view message(reinterpret_cast<const char*>(packet),
                                 static_cast<std::size_t>(length));
  job->client->end(*job, made_by([&] { return answer_from(status, message, job->question); }));
}

void AdClient::end(const Job& job, dns::Answer answer) noexcept {
  if (job.key != 0) return finish(job.key, std::move(answer));
  using Outcome = DnssecProbe::Outcome;
  const std::lock_guard lock(mutex_);
  probe_ = DnssecProbe{.outcome = answer.trouble() ? Outcome::silent
                                  : answer.secure  ? Outcome::secure
                                                   : Outcome::insecure};
}

}  // namespace postern::net
