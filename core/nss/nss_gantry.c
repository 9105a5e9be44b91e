// libnss_gantry.so.2: programs of the host know containers as NAME.ctr and NAME.NETWORK.ctr (and aliases as ALIAS.NETWORK.ctr), both ways.
// With "gantry" in the hosts line of nsswitch.conf(5), behind "files". It reads what the networks' resolvers read, the small files in
// /run/gantry/dns/all (core/dns/entries.hpp), and asks nobody: no process, no server.
//
// In C and by itself, because it is loaded into whatever program looks up a name. Thread-safe; keeps nothing between two calls.
// Interface: glibc's nss/nss.h and "NSS Module Function Internals" of its manual.
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LONGEST_NAME = 253,      // RFC 1035
    LARGEST_FILE = 1 << 16,  // of one container
    MOST_ADDRESSES = 64,
};

static const char folder[] = "/run/gantry/dns/all";
static const char domain[] = ".ctr";

struct address {
    int family;
    unsigned char bytes[16];
};

struct found {
    struct address addresses[MOST_ADDRESSES];
    size_t count;
    char name[LONGEST_NAME + 1];  // of an address: the first of its line
};

static int parse_address(const char *text, struct address *address) {
    for (int i = 0; i < 2; ++i) {
        address->family = i == 0 ? AF_INET : AF_INET6;
        if (inet_pton(address->family, text, address->bytes) == 1) return 1;
    }
    return 0;
}

static size_t address_size(int family) { return family == AF_INET ? 4 : 16; }

static int same_address(const struct address *a, const struct address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_size(a->family)) == 0;
}

// Lines "ADDRESS NAME...": adds the addresses of a name, or finds the first name of an address.
static void read_lines(char *text, const char *name, const struct address *wanted, struct found *found) {
    char *rest_of_text = NULL;
    for (char *line = strtok_r(text, "\n", &rest_of_text); line; line = strtok_r(NULL, "\n", &rest_of_text)) {
        char *rest = NULL;
        const char *word = strtok_r(line, " ", &rest);
        struct address address;
        if (!word || !parse_address(word, &address)) continue;
        for (word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            if (strlen(word) > LONGEST_NAME) continue;
            if (wanted) {
                if (same_address(&address, wanted)) {
                    strcpy(found->name, word);
                    found->addresses[0] = address;
                    found->count = 1;
                }
                break;
            }
            if (strcasecmp(word, name) != 0) continue;
            if (found->count < MOST_ADDRESSES) found->addresses[found->count++] = address;
            strcpy(found->name, word);
            break;
        }
    }
}

static void read_entry(int directory, const char *file, const char *name, const struct address *wanted, struct found *found) {
    char *text = malloc(LARGEST_FILE);
    const int fd = text ? openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd >= 0) {
        const ssize_t got = read(fd, text, LARGEST_FILE - 1);
        if (got > 0) {
            text[got] = '\0';
            read_lines(text, name, wanted, found);
        }
        close(fd);
    }
    free(text);
}

// Whether the entry NETWORK@CONTAINER can have the name: of the container itself, or one on that network.
static int may_have(const char *file, const char *name) {
    const char *at = strchr(file, '@');
    if (!at) return 0;
    const size_t stem = strlen(name) - strlen(domain), network = (size_t)(at - file);
    if (strlen(at + 1) == stem && strncasecmp(at + 1, name, stem) == 0) return 1;
    return stem > network + 1 && name[stem - network - 1] == '.' && strncasecmp(name + stem - network, file, network) == 0;
}

static void search(const char *name, const struct address *wanted, struct found *found) {
    found->count = 0;
    DIR *entries = opendir(folder);
    if (!entries) return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        if (wanted ? found->count != 0 : !may_have(entry->d_name, name)) continue;
        read_entry(dirfd(entries), entry->d_name, name, wanted, found);
    }
    closedir(entries);
}

// The name without a dot at its end; 0: it is none of ours.
static int is_ours(const char *name, char *plain) {
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '.') --length;
    if (length <= strlen(domain) || length > LONGEST_NAME) return 0;
    memcpy(plain, name, length);
    plain[length] = '\0';
    return strcasecmp(plain + length - strlen(domain), domain) == 0;
}

static int find_name(const char *name, struct found *found) {
    char plain[LONGEST_NAME + 1];
    if (!is_ours(name, plain)) return 0;
    search(plain, NULL, found);
    return found->count != 0;
}

// A piece of the caller's buffer, aligned for anything; NULL where it is too small.
static void *take(char **buffer, size_t *left, size_t size) {
    const size_t pad = -(uintptr_t)*buffer % sizeof(void *);
    if (*left < pad + size) return NULL;
    char *piece = *buffer + pad;
    *buffer = piece + size;
    *left -= pad + size;
    return piece;
}

static enum nss_status say(enum nss_status status, int error, int h_error, int *errnop, int *h_errnop) {
    *errnop = error;
    if (h_errnop) *h_errnop = h_error;
    return status;
}

static enum nss_status not_found(int *errnop, int *h_errnop) {
    return say(NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND, errnop, h_errnop);
}

static enum nss_status too_small(int *errnop, int *h_errnop) {
    return say(NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL, errnop, h_errnop);
}

static enum nss_status fill(const struct found *found, int family, struct hostent *result, char *buffer, size_t left, int *errnop,
                            int *h_errnop) {
    size_t count = 0;
    for (size_t i = 0; i < found->count; ++i) count += found->addresses[i].family == family;
    if (count == 0) return say(NSS_STATUS_NOTFOUND, ENOENT, NO_DATA, errnop, h_errnop);
    const size_t size = address_size(family);
    char **list = take(&buffer, &left, (count + 1) * sizeof *list);
    char **aliases = take(&buffer, &left, sizeof *aliases);
    char *bytes = take(&buffer, &left, count * size);
    char *name = take(&buffer, &left, strlen(found->name) + 1);
    if (!list || !aliases || !bytes || !name) return too_small(errnop, h_errnop);
    strcpy(name, found->name);
    aliases[0] = NULL;
    size_t at = 0;
    for (size_t i = 0; i < found->count; ++i) {
        if (found->addresses[i].family != family) continue;
        list[at] = memcpy(bytes + at * size, found->addresses[i].bytes, size);
        ++at;
    }
    list[at] = NULL;
    result->h_name = name;
    result->h_aliases = aliases;
    result->h_addrtype = family;
    result->h_length = (int)size;
    result->h_addr_list = list;
    return NSS_STATUS_SUCCESS;
}

#define EXPORT __attribute__((visibility("default")))

EXPORT enum nss_status _nss_gantry_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat, char *buffer, size_t buflen, int *errnop,
                                                    int *h_errnop, int32_t *ttlp) {
    struct found found;
    if (!find_name(name, &found)) return not_found(errnop, h_errnop);
    char *canonical = take(&buffer, &buflen, strlen(found.name) + 1);
    struct gaih_addrtuple *tuples = canonical ? take(&buffer, &buflen, found.count * sizeof *tuples) : NULL;
    if (!tuples) return too_small(errnop, h_errnop);
    strcpy(canonical, found.name);
    memset(tuples, 0, found.count * sizeof *tuples);
    for (size_t i = 0; i < found.count; ++i) {
        tuples[i].next = i + 1 < found.count ? &tuples[i + 1] : NULL;
        tuples[i].name = canonical;
        tuples[i].family = found.addresses[i].family;
        memcpy(tuples[i].addr, found.addresses[i].bytes, address_size(found.addresses[i].family));
    }
    // The caller may have a first one to be filled (glibc's nscd has).
    if (*pat)
        **pat = tuples[0];
    else
        *pat = tuples;
    if (ttlp) *ttlp = 0;
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_gantry_gethostbyname3_r(const char *name, int family, struct hostent *result, char *buffer, size_t buflen,
                                                    int *errnop, int *h_errnop, int32_t *ttlp, char **canonp) {
    struct found found;
    if (family != AF_INET && family != AF_INET6) return say(NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA, errnop, h_errnop);
    if (!find_name(name, &found)) return not_found(errnop, h_errnop);
    const enum nss_status status = fill(&found, family, result, buffer, buflen, errnop, h_errnop);
    if (status == NSS_STATUS_SUCCESS && canonp) *canonp = result->h_name;
    if (ttlp) *ttlp = 0;
    return status;
}

EXPORT enum nss_status _nss_gantry_gethostbyname2_r(const char *name, int family, struct hostent *result, char *buffer, size_t buflen,
                                                    int *errnop, int *h_errnop) {
    return _nss_gantry_gethostbyname3_r(name, family, result, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

EXPORT enum nss_status _nss_gantry_gethostbyname_r(const char *name, struct hostent *result, char *buffer, size_t buflen, int *errnop,
                                                   int *h_errnop) {
    return _nss_gantry_gethostbyname3_r(name, AF_INET, result, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

EXPORT enum nss_status _nss_gantry_gethostbyaddr2_r(const void *address, socklen_t length, int family, struct hostent *result, char *buffer,
                                                    size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp) {
    struct address wanted = {.family = family};
    struct found found;
    if ((family != AF_INET && family != AF_INET6) || length < address_size(family))
        return say(NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA, errnop, h_errnop);
    memcpy(wanted.bytes, address, address_size(family));
    search(NULL, &wanted, &found);
    if (found.count == 0) return not_found(errnop, h_errnop);
    if (ttlp) *ttlp = 0;
    return fill(&found, family, result, buffer, buflen, errnop, h_errnop);
}

EXPORT enum nss_status _nss_gantry_gethostbyaddr_r(const void *address, socklen_t length, int family, struct hostent *result, char *buffer,
                                                   size_t buflen, int *errnop, int *h_errnop) {
    return _nss_gantry_gethostbyaddr2_r(address, length, family, result, buffer, buflen, errnop, h_errnop, NULL);
}
