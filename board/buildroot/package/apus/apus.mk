################################################################################
#
# apus
#
################################################################################

APUS_VERSION = 0.1.0
APUS_LICENSE = Apache-2.0
APUS_LICENSE_FILES = LICENSE

APUS_ARCH = $(if $(BR2_arm),arm,$(call qstrip,$(BR2_ARCH)))
APUS_TREE = $(BR2_EXTERNAL_APUS_PATH)/../..

ifeq ($(BR2_PACKAGE_APUS_TREE),y)

# Only sources are copied; the tree's own script does the rest.
APUS_SITE = $(APUS_TREE)
APUS_SITE_METHOD = local
APUS_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude .build
HOST_APUS_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude .build

define APUS_BUILD_CMDS
	cd $(@D) && board/build $(APUS_ARCH)
	cp $(@D)/.build/board/$(APUS_ARCH)/apus $(@D)/apus
endef

define HOST_APUS_BUILD_CMDS
	cd $(@D) && board/build $(HOSTARCH)
	cp $(@D)/.build/board/$(HOSTARCH)/apus $(@D)/apus
endef

else

APUS_SITE = $(call qstrip,$(BR2_PACKAGE_APUS_SITE))
APUS_SOURCE = apus-$(APUS_VERSION).tar.xz

# board/release writes apus.hash into the external tree that it packs.
ifeq ($(wildcard $(BR2_EXTERNAL_APUS_PATH)/package/apus/apus.hash),)
BR_NO_CHECK_HASH_FOR += $(APUS_SOURCE) $(HOST_APUS_SOURCE)
endif

ifeq ($(BR2_PACKAGE_APUS_BINARY),y)

APUS_SOURCE = apus-$(APUS_VERSION)-$(APUS_ARCH).tar.xz
HOST_APUS_SOURCE = apus-$(APUS_VERSION)-$(HOSTARCH).tar.xz
APUS_LICENSE += , MIT (musl), BSD-3-Clause or GPL-2.0 (libcap), GPL-3.0 with GCC-exception-3.1 (libgcc)

else

APUS_DEPENDENCIES += libcap
HOST_APUS_DEPENDENCIES += host-libcap

define APUS_BUILD_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) ARCH=$(APUS_ARCH) \
		$(TARGET_CONFIGURE_OPTS)
endef

define HOST_APUS_BUILD_CMDS
	$(HOST_MAKE_ENV) $(MAKE) -C $(@D) ARCH=$(HOSTARCH) \
		$(HOST_CONFIGURE_OPTS)
endef

endif # BR2_PACKAGE_APUS_BINARY

endif # BR2_PACKAGE_APUS_TREE

# busybox installs its applets only where nothing is yet; what both have is ours.
APUS_DEPENDENCIES += $(if $(BR2_PACKAGE_BUSYBOX),busybox)

define APUS_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/apus $(TARGET_DIR)/sbin/apus
endef

define HOST_APUS_INSTALL_CMDS
	$(INSTALL) -D -m 0755 $(@D)/apus $(HOST_DIR)/bin/apus
endef

################################################################################
# As the init of the system
################################################################################

ifeq ($(BR2_INIT_APUS),y)

# Members look ("apus status"), only root changes.
define APUS_USERS
	- - apus -1 - - - - Members may look at services
endef

# apus itself is /init of an initramfs: it needs no script that mounts /dev.
define APUS_INSTALL_INIT
	$(foreach name,init reboot poweroff halt shutdown,\
		ln -snf apus $(TARGET_DIR)/sbin/$(name)$(sep))
	$(if $(BR2_TARGET_ROOTFS_CPIO)$(BR2_TARGET_ROOTFS_INITRAMFS),\
		ln -snf sbin/init $(TARGET_DIR)/init)
	$(INSTALL) -D -m 0644 $(call qstrip,$(BR2_PACKAGE_APUS_MANIFEST)) \
		$(TARGET_DIR)/etc/apus.json
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/etc/apus.d
	$(INSTALL) -d -m 0700 $(TARGET_DIR)/var/lib/apus
endef
APUS_POST_INSTALL_TARGET_HOOKS += APUS_INSTALL_INIT

define APUS_BUSYBOX_CONFIG_FIXUPS
	$(foreach option,INIT LINUXRC HALT POWEROFF REBOOT,\
		$(call KCONFIG_DISABLE_OPT,CONFIG_$(option))$(sep))
endef

# What apus needs, then what single keys of the manifest need.
APUS_KERNEL_OPTIONS = \
	UNIX INET EPOLL SIGNALFD TIMERFD EVENTFD INOTIFY_USER FHANDLE \
	DEVTMPFS TMPFS PROC_FS SYSFS \
	INET_DIAG UNIX_DIAG \
	CGROUPS CGROUP_PIDS CGROUP_SCHED CFS_BANDWIDTH FAIR_GROUP_SCHED MEMCG \
	BLK_CGROUP CPUSETS PSI \
	NAMESPACES NET_NS PID_NS IPC_NS UTS_NS USER_NS \
	SECCOMP SECCOMP_FILTER SECURITY SECURITY_LANDLOCK AUDIT

define APUS_LINUX_CONFIG_FIXUPS
	$(foreach option,$(APUS_KERNEL_OPTIONS),\
		$(call KCONFIG_ENABLE_OPT,CONFIG_$(option))$(sep))
endef

# Services of packages, in this order: FOO_INSTALL_INIT_APUS, as a package of
# any external tree may define it; our services/FOO.json; the package's System V
# script. Buildroot installs for its own inits only, so the end of each
# package's step does it here.
APUS_KNOWN = $(if $(BR2_PACKAGE_APUS_SERVICES),$(basename $(notdir \
	$(wildcard $(BR2_EXTERNAL_APUS_PATH)/package/apus/services/*.json))))

define APUS_INSTALL_KNOWN
	$(APUS_PREPARE_$(PKG))
	$(foreach name,$(1) $(APUS_PARTS_$(PKG)),$(INSTALL) -D -m 0644 \
		$(BR2_EXTERNAL_APUS_PATH)/package/apus/services/$(name).json \
		$(TARGET_DIR)/etc/apus.d/50-$(name).json$(sep))
endef

define APUS_INSTALL_SERVICE
	$(if $(filter end-install-target,$(1)-$(2)),\
		$(or $($(PKG)_INSTALL_INIT_APUS),\
			$(if $(filter $(3),$(APUS_KNOWN)),$(call APUS_INSTALL_KNOWN,$(3)),\
				$(if $(BR2_PACKAGE_APUS_SYSV),$($(PKG)_INSTALL_INIT_SYSV)))))
endef
# check-package disable TypoInPackageVariable
GLOBAL_INSTRUMENTATION_HOOKS += APUS_INSTALL_SERVICE

# Services that other packages may bring instead.
APUS_PARTS_BUSYBOX = $(addprefix busybox-,\
	$(if $(BR2_PACKAGE_SYSKLOGD)$(BR2_PACKAGE_RSYSLOG)$(BR2_PACKAGE_SYSLOG_NG),,syslogd) \
	$(if $(BR2_PACKAGE_PROCPS_NG),,sysctl) \
	$(if $(BR2_PACKAGE_DCRON),,crond) \
	$(if $(BR2_PACKAGE_IFPLUGD),,ifplugd))

# What known packages leave to their start scripts.
define APUS_PREPARE_BUSYBOX
	[ ! -e $(TARGET_DIR)/usr/sbin/crond ] || mkdir -p $(TARGET_DIR)/etc/cron/crontabs
	[ ! -e $(TARGET_DIR)/usr/sbin/httpd ] || mkdir -p $(TARGET_DIR)/var/www/data
endef

# No "lo": apus has it up before, and ifup fails on an address that is there.
define APUS_PREPARE_IFUPDOWN_SCRIPTS
	$(IFUPDOWN_SCRIPTS_PREAMBLE)
	$(IFUPDOWN_SCRIPTS_DHCP)
endef

define APUS_PREPARE_DBUS
	mkdir -p $(TARGET_DIR)/var/lib
	rm -rf $(TARGET_DIR)/var/lib/dbus
	ln -s ../../run/dbus $(TARGET_DIR)/var/lib/dbus
endef

define APUS_PREPARE_LIGHTTPD
	grep -q '^server.systemd-socket-activation' $(TARGET_DIR)/etc/lighttpd/lighttpd.conf || \
		echo 'server.systemd-socket-activation = "enable"' \
			>> $(TARGET_DIR)/etc/lighttpd/lighttpd.conf
endef

# Its host keys last, where the root is writable.
ifeq ($(BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW),y)
define APUS_PREPARE_DROPBEAR
	$(INSTALL) -d -m 0700 $(TARGET_DIR)/var/lib/dropbear
	ln -snf ../var/lib/dropbear $(TARGET_DIR)/etc/dropbear
endef
endif

# Drop-ins of what the menus say.
APUS_DROP_IN = $(TARGET_DIR)/etc/apus.d

APUS_WATCHDOG = $(or $(call qstrip,$(BR2_PACKAGE_APUS_WATCHDOG)),\
	$(if $(BR2_PACKAGE_BUSYBOX_WATCHDOG),/dev/watchdog))
ifneq ($(APUS_WATCHDOG),)
define APUS_SET_WATCHDOG
	printf '%s\n' '{ "apus": 1, "system": {' \
		'  "watchdog": { "device": "$(APUS_WATCHDOG)", "timeout": "15s" } } }' \
		> $(APUS_DROP_IN)/10-watchdog.json
endef
APUS_TARGET_FINALIZE_HOOKS += APUS_SET_WATCHDOG
endif

# An interactive shell ignores SIGTERM. The port "console" is the kernel's console=.
ifeq ($(BR2_TARGET_GENERIC_GETTY),y)
define APUS_SET_GETTY
	printf '%s\n' '{ "apus": 1, "services": { "getty": {' \
		'  "exec": ["/sbin/getty", "-L"$(foreach option,$(SYSTEM_GETTY_OPTIONS),$(comma) "$(option)"), "$(SYSTEM_GETTY_PORT)", "$(SYSTEM_GETTY_BAUDRATE)", "$(SYSTEM_GETTY_TERM)"],' \
		'  "tty": "/dev/$(SYSTEM_GETTY_PORT)", "restart": { "policy": "always", "delay": "1s" },' \
		'  "stop": { "signal": "SIGHUP", "timeout": "1s" } } } }' \
		> $(APUS_DROP_IN)/20-getty.json
endef
APUS_TARGET_FINALIZE_HOOKS += APUS_SET_GETTY
endif

# The last steps, so that scripts and drop-ins of overlays are in them too.
ifeq ($(BR2_PACKAGE_APUS_SYSV),y)
define APUS_WRAP_SCRIPTS
	$(BR2_EXTERNAL_APUS_PATH)/package/apus/wrap-scripts $(TARGET_DIR)
endef
APUS_ROOTFS_PRE_CMD_HOOKS += APUS_WRAP_SCRIPTS
endif

ifeq ($(BR2_PACKAGE_APUS_CHECK),y)
APUS_DEPENDENCIES += host-apus
define APUS_CHECK_MANIFEST
	$(HOST_DIR)/bin/apus check --root $(TARGET_DIR)
endef
APUS_ROOTFS_PRE_CMD_HOOKS += APUS_CHECK_MANIFEST
endif

endif # BR2_INIT_APUS

$(eval $(generic-package))
$(eval $(host-generic-package))
