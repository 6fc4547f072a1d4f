-- rm
CREATE TABLE cluster_info (
  id int(11) NOT NULL AUTO_INCREMENT, region varchar(64) DEFAULT NULL, region_cn varchar(64) CHARACTER SET utf8 DEFAULT NULL,
  cm_url varchar(255) NOT NULL, code int(11) NOT NULL, is_default_cm tinyint(1) DEFAULT 0, node_total int(11) NOT NULL DEFAULT 1,
  PRIMARY KEY (id), UNIQUE KEY uk_code (code)) ENGINE=InnoDB AUTO_INCREMENT=1000 DEFAULT CHARSET=utf8mb4 COMMENT='地域; AUTO_INCREMENT=5';
CREATE TABLE oms_version (version varchar(64) NOT NULL, gmt_modified timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (version)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE sys_config_kv (
  cfg_key varchar(128) NOT NULL, cfg_value text, memo json DEFAULT NULL, weight decimal(10,2) unsigned zerofill DEFAULT NULL,
  gmt_created datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, gmt_modified datetime NOT NULL, PRIMARY KEY (cfg_key)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE wf_node (
  id bigint(20) unsigned NOT NULL AUTO_INCREMENT, parent_id bigint(20) unsigned DEFAULT NULL, title varchar(64) NOT NULL DEFAULT 'it''s; {{new}}',
  body mediumtext, score double DEFAULT NULL, kind enum('a','b;c') NOT NULL DEFAULT 'a', made timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  twice bigint GENERATED ALWAYS AS (parent_id * 2) VIRTUAL,
  PRIMARY KEY (id), KEY idx_title (title(10)), CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES wf_node (id) ON DELETE CASCADE) DEFAULT CHARSET=utf8mb4;
CREATE TABLE a_wf_edge (
  from_id bigint(20) unsigned NOT NULL, to_id bigint(20) unsigned NOT NULL, PRIMARY KEY (from_id, to_id),
  CONSTRAINT fk_from FOREIGN KEY (from_id) REFERENCES wf_node (id)) DEFAULT CHARSET=utf8mb4
  ;
CREATE TABLE audit_event (id bigint NOT NULL, happened date NOT NULL, PRIMARY KEY (id, happened)) DEFAULT CHARSET=utf8mb4
  PARTITION BY RANGE (YEAR(happened)) (PARTITION p2025 VALUES LESS THAN (2026), PARTITION pmax VALUES LESS THAN MAXVALUE);
CREATE TABLE site_registry (
  id bigint NOT NULL AUTO_INCREMENT, code int NOT NULL, title varchar(64) NOT NULL, entry varchar(255) NOT NULL, note varchar(10) DEFAULT NULL,
  gmt_created datetime NOT NULL, PRIMARY KEY (id), UNIQUE KEY uk_site (code)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE site_member (host varchar(64) NOT NULL, site int NOT NULL, PRIMARY KEY (host)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE wf_kind (id int NOT NULL AUTO_INCREMENT, title varchar(64) NOT NULL, body text, PRIMARY KEY (id)) DEFAULT CHARSET=utf8mb4;
INSERT INTO wf_kind (id, title, body) VALUES (7, '迁移', '{"steps": ["{{x}}"]}'), (9, 'sync', NULL);
CREATE VIEW v_recent AS SELECT n.id, n.title, concat('x;', n.kind) AS k FROM wf_node n WHERE n.score > 1;
CREATE VIEW a_first AS SELECT title FROM v_recent;
-- cm
CREATE TABLE consumer (name varchar(64) NOT NULL, location int NOT NULL, PRIMARY KEY (name, location)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE location_cm (loc_no int NOT NULL, address varchar(200) NOT NULL, PRIMARY KEY (loc_no)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE `group_unit` (`code` varchar(32) NOT NULL, `nodes` varchar(2000) NOT NULL, PRIMARY KEY (`code`)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE machine (ip varchar(64) NOT NULL, agent_port int NOT NULL, joined datetime DEFAULT NULL, PRIMARY KEY (ip)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE machine_log (ip varchar(64), at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP) DEFAULT CHARSET=utf8mb4;
-- hb
CREATE TABLE beat (host_ip varchar(64) NOT NULL, at datetime NOT NULL, PRIMARY KEY (host_ip)) DEFAULT CHARSET=utf8;
