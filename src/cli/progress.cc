#include "cli/progress.h"

#include <algorithm>
#include <iostream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/terminal.h"

namespace postern::app {

Progress::Progress(std::ostream& out, const Arguments& arguments, std::string_view unit)
    : out_(out),
      unit_(unit),
      wanted_(&out == &std::cerr && ::isatty(STDERR_FILENO) == 1 && !arguments.has("--json") &&
              !arguments.has("--quiet")) {}

Progress::~Progress() {
  if (shown_) out_ << ink(Ink::rewrite) << std::flush;
}

void Progress::show(std::uint64_t done, std::uint64_t all) {
  constexpr std::chrono::milliseconds pause{200};
  constexpr std::uint64_t width = 30;
  if (!wanted_ || all == 0) return;
  const auto now = Clock::now();
  if (!began_) began_ = now;
  if (now < next_) return;
  next_ = now + pause;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - *began_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const std::uint64_t rest = all - std::min(done, all);
  const auto filled = static_cast<std::size_t>((all - rest) * width / all);
  out_ << ink(Ink::rewrite)
       << fmt::format("[{:<{}}] {}/{} {}  {:.0f}/s", std::string(filled, '#'), width, done, all,
                      unit_, rate);
  if (rate > 0) out_ << fmt::format("  {:.0f} s left", static_cast<double>(rest) / rate);
  out_ << std::flush;
}

}  // namespace postern::app
