#include "telemetry/log.h"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sodium.h>

#include "base/thread.h"
#include "telemetry/log_fold.h"
#include "telemetry/log_record.h"
#include "telemetry/metrics.h"

namespace postern::telemetry {

namespace {

using Clock = std::chrono::steady_clock;

/// systemd's convention: JOURNAL_STREAM has the device and inode of the original stderr, which
/// shows whether it was redirected.
bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (!stream || fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

LogFormat choose(LogFormat wanted, int fd) {
  if (wanted != LogFormat::automatic) return wanted;
  if (isatty(fd) == 1) return LogFormat::text;
  return is_journal(fd) ? LogFormat::journald : LogFormat::json;
}

bool may_color(const LogOptions& options, int fd) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return options.color && isatty(fd) == 1 && !(no_color && *no_color);
}

/// How long the writer collects lines before it writes.
constexpr std::chrono::milliseconds gathering{10};
constexpr std::size_t pipe_piece = 4096;  // PIPE_BUF: written to a pipe completely or not at all

bool is_regular_file(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

int connect_journal(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

/// The queue, the writing thread and its destination.
struct Logger::State {
  State(const LogOptions& options, const LogOutput& given)
      : output(given),
        format(choose(options.format, given.fd)),
        color(may_color(options, given.fd)),
        show_sessions(options.level == Level::debug),
        is_pipe(!is_regular_file(given.fd)) {
    discretion.style = options.addresses;
    randombytes_buf(discretion.key.data(), discretion.key.size());
    if (format == LogFormat::journald) {
      journal = connect_journal(output.journal_socket);
      if (journal < 0) format = LogFormat::json;
    }
    thread = named_thread("log", [this] { run(); });
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      give_up_at = Clock::now() + std::chrono::seconds(2);
    }
    work.notify_one();
    thread.join();
    if (journal >= 0) close(journal);
  }

  void drop(std::uint64_t lines) {
    dropped.fetch_add(lines, std::memory_order_relaxed);
    metrics().logs_dropped.counter({}).add(lines);
  }

  void run() {
    // Signals are for other threads; a closed pipe gives EPIPE here.
    sigset_t signals;
    sigfillset(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::deque<std::unique_ptr<LogRecord>> batch;
    for (bool last = false; !last;) {
      {
        std::unique_lock lock(mutex);
        work.wait_for(lock, std::chrono::seconds(1), [&] { return stopping || !queue.empty(); });
        // Under load, waking the thread costs more than a line: lines of a few milliseconds are
        // written together.
        if (!queue.empty()) {
          work.wait_for(lock, gathering,
                        [&] { return stopping || hurried || queue.size() >= output.queue / 4; });
        }
        hurried = false;
        batch.swap(queue);
        last = stopping && batch.empty();
      }
      const std::size_t taken = batch.size();
      for (const auto& record : batch) {
        if (fold.passes(*record)) write_record(*record);
      }
      batch.clear();
      for (const LogRecord& record : fold.summaries(std::chrono::system_clock::now(), last)) {
        write_record(record);
      }
      send();
      {
        const std::lock_guard lock(mutex);
        written += taken;
      }
      done.notify_all();
    }
  }

  void write_record(const LogRecord& record) {
    if (format == LogFormat::journald) {
      const std::string datagram = as_journal(record);
      if (::send(journal, datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0) drop(1);
      return;
    }
    // A terminal shows decisions; a session's end adds nothing.
    if (format == LogFormat::text && !show_sessions && record.event == "session.end" &&
        record.level == Level::info) {
      return;
    }
    const std::string line = format == LogFormat::json ? as_json(record) : as_text(record, color);
    // Writes whole lines together, up to the size that a pipe takes atomically.
    if (!pending.empty() && pending.size() + line.size() > pipe_piece) send();
    pending += line;
    ++pending_lines;
  }

  /// Writes the pending lines. They are lost if the reader is gone or too slow. Polling first
  /// prevents a blocking pipe from delaying the end of the process.
  void send() {
    std::string_view rest = pending;
    while (!rest.empty()) {
      if (!wait_writable()) {
        drop(pending_lines);
        break;
      }
      const std::size_t piece = is_pipe ? std::min(rest.size(), pipe_piece) : rest.size();
      const ssize_t n = ::write(output.fd, rest.data(), piece);
      if (n > 0) {
        rest.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno != EINTR && errno != EAGAIN) {
        drop(pending_lines);
        break;
      }
    }
    pending.clear();
    pending_lines = 0;
  }

  /// False: the process is ending and the reader does not read.
  bool wait_writable() {
    for (;;) {
      pollfd entry{output.fd, POLLOUT, 0};
      if (poll(&entry, 1, 100) > 0) return true;
      const std::lock_guard lock(mutex);
      if (stopping && Clock::now() >= give_up_at) return false;
    }
  }

  const LogOutput output;
  LogFormat format;
  const bool color;
  const bool show_sessions;
  const bool is_pipe;
  Discretion discretion;
  int journal = -1;

  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable done;
  std::deque<std::unique_ptr<LogRecord>> queue;
  std::uint64_t handed = 0;
  std::uint64_t written = 0;
  bool stopping = false;
  bool hurried = false;  ///< a flush() is waiting
  Clock::time_point give_up_at;
  std::atomic<std::uint64_t> dropped{0};

  // For the writing thread only.
  Fold fold;
  std::string pending;
  std::size_t pending_lines = 0;
  std::thread thread;
};

Logger::Logger(const LogOptions& options, const LogOutput& output)
    : level_(options.level), state_(std::make_unique<State>(options, output)) {}

Logger::~Logger() = default;

Line Logger::line(Level level, EventName event) {
  return Line(enabled(level) ? this : nullptr, level, event.value);
}

LogFormat Logger::format() const { return state_->format; }

std::uint64_t Logger::dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

void Logger::submit(std::unique_ptr<LogRecord> record) {
  bool wake = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queue.size() < state_->output.queue) {
      wake = state_->queue.empty() || state_->queue.size() == state_->output.queue / 4;
      state_->queue.push_back(std::move(record));
      ++state_->handed;
    }
  }
  if (record) state_->drop(1);
  if (wake) state_->work.notify_one();
}

void Logger::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  const std::uint64_t until = state_->handed;
  state_->hurried = true;
  state_->work.notify_one();
  state_->done.wait_for(lock, limit, [&] { return state_->written >= until; });
}

Line::Line(Logger* logger, Level level, std::string_view event) : logger_(logger) {
  if (!logger_) return;
  record_ = std::make_unique<LogRecord>();
  record_->time = std::chrono::system_clock::now();
  record_->level = level;
  record_->event = event;
  record_->fields.reserve(16);
}

Line::Line(Line&& other) noexcept
    : logger_(std::exchange(other.logger_, nullptr)), record_(std::move(other.record_)) {}

Line::~Line() {
  if (logger_ && record_) logger_->submit(std::move(record_));
}

Line& Line::msg(std::string_view text) {
  if (logger_) record_->msg = discreet(clean(text), logger_->state_->discretion);
  return *this;
}

Line& Line::field(FieldName name, std::string_view value) {
  if (logger_) {
    record_->fields.push_back(
        {name.index, false, discreet(clean(value), logger_->state_->discretion)});
  }
  return *this;
}

Line& Line::word(FieldName name, std::string_view bare) {
  if (logger_) record_->fields.push_back({name.index, true, std::string(bare)});
  return *this;
}

Line& Line::microseconds(FieldName name, std::int64_t value) {
  value = std::max<std::int64_t>(value, 0);
  return word(name, fmt::format("{}.{:03}", value / 1000, value % 1000));
}

namespace log {

namespace {

std::atomic<Logger*> current{nullptr};

Line line(Level level, EventName event) {
  Logger* logger = current.load(std::memory_order_acquire);
  return logger ? logger->line(level, event) : Logger::nothing();
}

}  // namespace

void start(const LogOptions& options, const LogOutput& output) {
  stop();
  current.store(new Logger(options, output), std::memory_order_release);
}

void stop() { delete current.exchange(nullptr, std::memory_order_acq_rel); }

void flush() {
  if (Logger* logger = current.load(std::memory_order_acquire)) logger->flush();
}

LogFormat format() {
  const Logger* logger = current.load(std::memory_order_acquire);
  return logger ? logger->format() : LogFormat::json;
}

Line debug(EventName event) { return line(Level::debug, event); }
Line info(EventName event) { return line(Level::info, event); }
Line warning(EventName event) { return line(Level::warning, event); }
Line error(EventName event) { return line(Level::error, event); }

}  // namespace log

}  // namespace postern::telemetry
