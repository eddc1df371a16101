#include "serve/acting_owner.h"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace postern::app {

namespace {

/// Root's permitted capabilities stay when the effective user changes; the effective ones go
/// (capabilities(7)). One comes back, for this thread.
void allow_to_read() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return;
  sets[0].effective = sets[0].permitted & (1U << CAP_DAC_READ_SEARCH);
  sets[1].effective = 0;
  (void)::syscall(SYS_capset, &header, sets);
}

}  // namespace

Result<ActingOwner> ActingOwner::of(const std::string& data_dir) {
  ActingOwner owner;
  struct stat about{};
  if (::geteuid() != 0 || ::stat(data_dir.c_str(), &about) != 0 || about.st_uid == 0) return owner;
  owner.group_ = ::getegid();
  owner.groups_.resize(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(owner.groups_.size()), owner.groups_.data());
  owner.groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  // From the first change on the destructor goes back. Root without CAP_SETGID changes nothing, and
  // has no right to go back.
  owner.acts_ = ::setgroups(1, &about.st_gid) == 0;
  if (!owner.acts_ || ::setegid(about.st_gid) != 0 || ::seteuid(about.st_uid) != 0) {
    return fail(Fault::denied,
                fmt::format("{} belongs to uid {}, whose rights root cannot take on here ({}); run "
                            "the command as that user",
                            data_dir, about.st_uid, std::strerror(errno)));
  }
  allow_to_read();
  return owner;
}

ActingOwner::ActingOwner(ActingOwner&& other) noexcept
    : acts_(std::exchange(other.acts_, false)),
      group_(other.group_),
      groups_(std::move(other.groups_)) {}

ActingOwner& ActingOwner::operator=(ActingOwner&& other) noexcept {
  std::swap(acts_, other.acts_);
  std::swap(group_, other.group_);
  std::swap(groups_, other.groups_);
  return *this;
}

ActingOwner::~ActingOwner() {
  if (!acts_) return;
  // To go on with half of the rights would be worse than to end.
  if (::seteuid(0) != 0 || ::setegid(group_) != 0 ||
      ::setgroups(groups_.size(), groups_.data()) != 0) {
    std::abort();
  }
}

}  // namespace postern::app
