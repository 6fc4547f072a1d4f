CREATE TABLE IF NOT EXISTS `heatbeat_sequence` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'PK', `gmt_created` datetime NOT NULL, `gmt_modified` datetime NOT NULL, PRIMARY KEY (`id`)
) DEFAULT CHARSET = utf8 COMMENT = '心跳 sequence 表';
CREATE TABLE IF NOT EXISTS `heart_beat` (
  `id` bigint NOT NULL, `task_type` varchar(32) NOT NULL, `task_name` varchar(64) NOT NULL, `host_ip` varchar(64) NOT NULL, `gmt_created` datetime NOT NULL,
  `gmt_modified` datetime NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `uk` (`task_name`, `host_ip`)
) DEFAULT CHARSET = utf8;
