################################################################################
#
# skeleton-init-apus
#
################################################################################

SKELETON_INIT_APUS_LICENSE = Apache-2.0

# Everything depends on the skeleton, the toolchain too.
SKELETON_INIT_APUS_ADD_TOOLCHAIN_DEPENDENCY = NO
SKELETON_INIT_APUS_ADD_SKELETON_DEPENDENCY = NO
SKELETON_INIT_APUS_DEPENDENCIES = skeleton-init-common
SKELETON_INIT_APUS_PROVIDES = skeleton

SKELETON_INIT_APUS_ROOT_OPTIONS = \
	$(if $(BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW),rw$(comma)noatime,ro)

# apus mounts /proc, /sys, /dev, /dev/pts, /dev/shm, /run and cgroup2 by itself.
define SKELETON_INIT_APUS_INSTALL_TARGET_CMDS
	mkdir -p $(addprefix $(TARGET_DIR)/,home srv) \
		$(addprefix $(TARGET_DIR)/var/,cache lib log spool tmp)
	ln -snf ../run $(TARGET_DIR)/var/run
	ln -snf ../run/lock $(TARGET_DIR)/var/lock
	printf '%s\t%s\t%s\t%s\t0 %s\n' \
		/dev/root / auto $(SKELETON_INIT_APUS_ROOT_OPTIONS) 1 \
		tmpfs /tmp tmpfs mode=1777,nosuid,nodev 0 \
		> $(TARGET_DIR)/etc/fstab
endef

$(eval $(generic-package))
