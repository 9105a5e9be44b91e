// Local sockets: whole messages, with descriptors.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::os {

// A connected pair of SOCK_SEQPACKET sockets: whole messages, and an end that both sides notice.
Result<std::pair<Fd, Fd>> socket_pair();
// One message with descriptors; of what is received at most `most` bytes are taken. An empty text: the other side is gone.
Result<> send_message(int socket, std::string_view text, const std::vector<int>& fds = {});
struct Message {
    std::string text;
    std::vector<Fd> fds;
};
Result<Message> receive_message(int socket, std::size_t most = 65536);
// A SOCK_SEQPACKET connection to a path; sys() ENOENT or ECONNREFUSED where nobody listens.
Result<Fd> connect_to(const std::string& path, int type);

}  // namespace gantry::os
