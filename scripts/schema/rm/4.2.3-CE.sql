-- Reference schema of the console database (drc_rm_db): what 4.2.3-CE adds.
--
-- Made from public documentation only (oms-facts section 6), not OceanBase's
-- own file; this table's definition is documented word for word.

-- Every release that was initialised here. Upgrades read it: without a row the
-- answer is "Version before 4.1.1 is not allowed to upgrade."
CREATE TABLE IF NOT EXISTS `oms_version` (
  `version` varchar(64) NOT NULL COMMENT 'version',
  `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`version`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'version table';
