BEGIN TRANSACTION;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, incident TEXT NOT NULL, at_wall REAL NOT NULL,
    value TEXT NOT NULL);
INSERT INTO "evidence" VALUES(1,'01HF7Z9SBRYQMDYVDCQCKW9D6Y',1700001017.16,'{"log":"refused\nby it''s peer","stats":{}}');
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, opened_wall REAL NOT NULL, resolved_wall REAL,
    value TEXT NOT NULL);
INSERT INTO "incidents" VALUES('01HF7Z9GFP5T11KQYP11AD8V59',1700001006.07,1700001009.1,'{"id":"01HF7Z9GFP5T11KQYP11AD8V59","target":"electron-cash","cause":"refused","severity":"P1","opened_at":[1006.0699999999999,1700001006.07],"affected":[],"acked_at":null,"resolved_at":[1009.0999999999999,1700001009.1],"acked_by":"","told_wall":null,"waiting_wall":null,"level":0,"told":[],"sequence":0,"remedies":0}');
INSERT INTO "incidents" VALUES('01HF7Z9SBRYQMDYVDCQCKW9D6Y',1700001015.16,NULL,'{"id":"01HF7Z9SBRYQMDYVDCQCKW9D6Y","target":"electron-cash","cause":"refused","severity":"P1","opened_at":[1015.1599999999999,1700001015.16],"affected":[],"acked_at":null,"resolved_at":null,"acked_by":"","told_wall":null,"waiting_wall":null,"level":0,"told":[],"sequence":0,"remedies":0}');
CREATE TABLE instances (
    target TEXT NOT NULL, number INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (target, number));
INSERT INTO "instances" VALUES('bitcoincash-service',1,'{"id":["bitcoincash-service",1],"name":"bitcoincash-service","container":{"id":"bitcoincash-service-1-id","name":"demo-bitcoincash-service-1","stack":"demo","service":"bitcoincash-service","number":1,"status":"running","started_at":1699913600.0,"finished_at":0.0,"exit_code":0,"oom_killed":false,"health":"none","health_log":"","pid":4242,"restart_policy":"no","restart_limit":0,"restart_count":0,"networks":[],"labels":{}},"run_mono":-86400.0,"missing_since":null,"kill_seen":null,"stop":"none","exited_mono":null,"exits":[],"short_runs":0,"looping":false,"health":{"up":true,"failures":0,"successes":2,"ever_answered_well":true,"first_failure_mono":null,"last_success_mono":1001.03,"last":{"verdict":"success","cause":null,"reason":["none",[]],"path_fault":false,"rpc_answers":true,"warnings":[],"wallet":null},"last_at":[1001.04,1700001001.04],"last_seconds":0.009999999999990905,"frozen":false},"state":"healthy","since":[1001.04,1700001001.04],"cause":null,"reason":["none",[]],"lane":{"name":"fast","spent":[],"slow_tries":0,"not_before":0.0},"load_lane":{"name":"fast","spent":[],"slow_tries":0,"not_before":0.0},"remedy":null,"loading":null,"called_mono":0.0,"settling":null,"must_restart":false,"asked":false,"asked_now":false,"looked":null,"incident":null,"last_decision":null,"treated":null,"restarted":null,"restarts_total":0}');
INSERT INTO "instances" VALUES('electron-cash',1,'{"id":["electron-cash",1],"name":"electron-cash","container":{"id":"electron-cash-1-id","name":"demo-electron-cash-1","stack":"demo","service":"electron-cash","number":1,"status":"running","started_at":1700001008.07,"finished_at":0.0,"exit_code":0,"oom_killed":false,"health":"none","health_log":"","pid":4242,"restart_policy":"no","restart_limit":0,"restart_count":0,"networks":[],"labels":{}},"run_mono":1008.0699999999999,"missing_since":null,"kill_seen":null,"stop":"none","exited_mono":null,"exits":[],"short_runs":0,"looping":false,"health":{"up":false,"failures":3,"successes":0,"ever_answered_well":true,"first_failure_mono":1011.1299999999999,"last_success_mono":1010.1099999999999,"last":{"verdict":"failure","cause":"refused","reason":["text",[["said","it is refused"]]],"path_fault":false,"rpc_answers":false,"warnings":[],"wallet":null},"last_at":[1015.1599999999999,1700001015.16],"last_seconds":0.009999999999990905,"frozen":false},"state":"recovering","since":[1015.1599999999999,1700001015.16],"cause":"refused","reason":["text",[["said","restart: acting"]]],"lane":{"name":"fast","spent":[1015.1599999999999],"slow_tries":0,"not_before":0.0},"load_lane":{"name":"fast","spent":[],"slow_tries":0,"not_before":0.0},"remedy":{"decision":{"at":[1015.1599999999999,1700001015.16],"instance":["electron-cash",1],"name":"electron-cash","action":"restart","guard":"none","reason":["text",[["said","failure 3: it is refused: restart now"]]],"cause":"refused","trigger":"failure","run":["electron-cash-1-id",1700001008.07],"stop_timeout_s":5.0,"rpc_stop":false,"incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"},"phase":"acting","began":[1015.1599999999999,1700001015.16],"deadline_mono":1105.1599999999999,"first_failure_mono":1011.1299999999999,"note":["none",[]],"uncertain":false},"loading":null,"called_mono":0.0,"settling":null,"must_restart":false,"asked":false,"asked_now":false,"looked":null,"incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y","last_decision":{"at":[1015.1599999999999,1700001015.16],"instance":["electron-cash",1],"name":"electron-cash","action":"restart","guard":"none","reason":["text",[["said","failure 3: it is refused: restart now"]]],"cause":"refused","trigger":"failure","run":["electron-cash-1-id",1700001008.07],"stop_timeout_s":5.0,"rpc_stop":false,"incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"},"treated":["electron-cash-1-id",1700001008.07],"restarted":[1008.0699999999999,1700001008.07],"restarts_total":1}');
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, at_wall REAL NOT NULL, kind TEXT NOT NULL,
    target TEXT NOT NULL, incident TEXT, data TEXT NOT NULL, brief TEXT);
INSERT INTO "journal" VALUES(1,1700001001.03,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:01.030Z","target":"electron-cash","from":"unknown","to":"healthy","cause":null,"reason":"","incident":null}','unknown>healthy');
INSERT INTO "journal" VALUES(2,1700001001.04,'state','bitcoincash-service',NULL,'{"type":"transition","at":"2023-11-14T22:30:01.040Z","target":"bitcoincash-service","from":"unknown","to":"healthy","cause":null,"reason":"","incident":null}','unknown>healthy');
INSERT INTO "journal" VALUES(3,1700001002.05,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:02.050Z","target":"electron-cash","from":"healthy","to":"failing","cause":"refused","reason":"it is refused","incident":null}','healthy>failing refused');
INSERT INTO "journal" VALUES(4,1700001002.05,'decision','electron-cash',NULL,'{"type":"decision","at":"2023-11-14T22:30:02.050Z","target":"electron-cash","action":"hold","guard":"threshold","trigger":"failure","cause":"refused","reason":"failure 1 of 3: it is refused; not certain yet","incident":null}',NULL);
INSERT INTO "journal" VALUES(5,1700001004.06,'decision','electron-cash',NULL,'{"type":"decision","at":"2023-11-14T22:30:04.060Z","target":"electron-cash","action":"hold","guard":"threshold","trigger":"failure","cause":"refused","reason":"failure 2 of 3: it is refused; not certain yet","incident":null}',NULL);
INSERT INTO "journal" VALUES(6,1700001006.07,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:06.070Z","target":"electron-cash","from":"failing","to":"down","cause":"refused","reason":"it is refused","incident":null}','failing>down refused');
INSERT INTO "journal" VALUES(7,1700001006.07,'incident','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"incident","at":"2023-11-14T22:30:06.070Z","target":"electron-cash","step":"opened","reason":"electron-cash is down: it is refused","incident":"01HF7Z9GFP5T11KQYP11AD8V59"}',NULL);
INSERT INTO "journal" VALUES(8,1700001006.07,'state','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"transition","at":"2023-11-14T22:30:06.070Z","target":"electron-cash","from":"down","to":"recovering","cause":"refused","reason":"restart: acting","incident":"01HF7Z9GFP5T11KQYP11AD8V59"}','down>recovering refused');
INSERT INTO "journal" VALUES(9,1700001006.07,'decision','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"decision","at":"2023-11-14T22:30:06.070Z","target":"electron-cash","action":"restart","guard":"none","trigger":"failure","cause":"refused","reason":"failure 3: it is refused: restart now","incident":"01HF7Z9GFP5T11KQYP11AD8V59"}',NULL);
INSERT INTO "journal" VALUES(10,1700001009.1,'remedy','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"outcome","at":"2023-11-14T22:30:09.100Z","target":"electron-cash","action":"restart","trigger":"failure","cause":"refused","outcome":"recovered","reason":"it works","seconds":3.0299999999999727,"recovery_seconds":7.059999999999945,"incident":"01HF7Z9GFP5T11KQYP11AD8V59"}','restart failure recovered');
INSERT INTO "journal" VALUES(11,1700001009.1,'state','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"transition","at":"2023-11-14T22:30:09.100Z","target":"electron-cash","from":"recovering","to":"healthy","cause":null,"reason":"","incident":"01HF7Z9GFP5T11KQYP11AD8V59"}','recovering>healthy');
INSERT INTO "journal" VALUES(12,1700001009.1,'incident','electron-cash','01HF7Z9GFP5T11KQYP11AD8V59','{"type":"incident","at":"2023-11-14T22:30:09.100Z","target":"electron-cash","step":"resolved","reason":"electron-cash works again, 3 s after it was opened","incident":"01HF7Z9GFP5T11KQYP11AD8V59"}',NULL);
INSERT INTO "journal" VALUES(13,1700001011.14,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:11.140Z","target":"electron-cash","from":"healthy","to":"failing","cause":"refused","reason":"it is refused","incident":null}','healthy>failing refused');
INSERT INTO "journal" VALUES(14,1700001011.14,'decision','electron-cash',NULL,'{"type":"decision","at":"2023-11-14T22:30:11.140Z","target":"electron-cash","action":"hold","guard":"threshold","trigger":"failure","cause":"refused","reason":"failure 1 of 3: it is refused; not certain yet","incident":null}',NULL);
INSERT INTO "journal" VALUES(15,1700001013.15,'decision','electron-cash',NULL,'{"type":"decision","at":"2023-11-14T22:30:13.150Z","target":"electron-cash","action":"hold","guard":"threshold","trigger":"failure","cause":"refused","reason":"failure 2 of 3: it is refused; not certain yet","incident":null}',NULL);
INSERT INTO "journal" VALUES(16,1700001015.16,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","from":"failing","to":"down","cause":"refused","reason":"it is refused","incident":null}','failing>down refused');
INSERT INTO "journal" VALUES(17,1700001015.16,'incident','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"incident","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","step":"opened","reason":"electron-cash is down: it is refused","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}',NULL);
INSERT INTO "journal" VALUES(18,1700001015.16,'state','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"transition","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","from":"down","to":"recovering","cause":"refused","reason":"restart: acting","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}','down>recovering refused');
INSERT INTO "journal" VALUES(19,1700001015.16,'decision','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"decision","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","action":"restart","guard":"none","trigger":"failure","cause":"refused","reason":"failure 3: it is refused: restart now","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}',NULL);
INSERT INTO "journal" VALUES(20,1700001015.16,'state','electron-cash',NULL,'{"type":"transition","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","from":"failing","to":"down","cause":"refused","reason":"it is refused","incident":null}','failing>down refused');
INSERT INTO "journal" VALUES(21,1700001015.16,'incident','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"incident","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","step":"opened","reason":"electron-cash is down: it is refused","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}',NULL);
INSERT INTO "journal" VALUES(22,1700001015.16,'state','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"transition","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","from":"down","to":"recovering","cause":"refused","reason":"restart: acting","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}','down>recovering refused');
INSERT INTO "journal" VALUES(23,1700001015.16,'decision','electron-cash','01HF7Z9SBRYQMDYVDCQCKW9D6Y','{"type":"decision","at":"2023-11-14T22:30:15.160Z","target":"electron-cash","action":"restart","guard":"none","trigger":"failure","cause":"refused","reason":"failure 3: it is refused: restart now","incident":"01HF7Z9SBRYQMDYVDCQCKW9D6Y"}',NULL);
CREATE TABLE ledger (
    target TEXT NOT NULL, cause TEXT NOT NULL, remedy TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (target, cause, remedy));
INSERT INTO "ledger" VALUES('electron-cash','refused','restart','{"tries":1,"recovered":1,"seconds":[3.0299999999999727]}');
CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "memory" VALUES('paused','{}');
INSERT INTO "memory" VALUES('plan','[]');
INSERT INTO "memory" VALUES('restarts','[1006.0699999999999,1015.1599999999999]');
INSERT INTO "memory" VALUES('clock','[1000.0,1700000000.0]');
CREATE TABLE outbox (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, sequence INTEGER NOT NULL,
    channel TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL,
    created_wall REAL NOT NULL, facts TEXT NOT NULL, attempts INTEGER NOT NULL,
    not_before_wall REAL NOT NULL, ended_wall REAL, arrived INTEGER NOT NULL,
    error TEXT NOT NULL);
INSERT INTO "outbox" VALUES('m1','i1',1,'ops','opened','P1',1700000001.0,'{"target":"electron-cash","reason":"지갑이 응답하지 않습니다"}',0,0.0,NULL,0,'');
INSERT INTO "outbox" VALUES('m2','i1',2,'phone','opened','P1',1700000002.0,'{"target":"electron-cash","reason":"지갑이 응답하지 않습니다"}',1,0.0,1700000009.0,1,'');
CREATE TABLE set_aside (
    at_wall REAL NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE task_runs (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, kind TEXT NOT NULL,
    began_wall REAL NOT NULL, ended_wall REAL NOT NULL, outcome TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE TABLE drills (
    id TEXT PRIMARY KEY, target TEXT NOT NULL, fault TEXT NOT NULL,
    began_wall REAL NOT NULL, ended_wall REAL NOT NULL, outcome TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE TABLE watched (from_wall REAL PRIMARY KEY, until_wall REAL NOT NULL);
INSERT INTO "watched" VALUES(1700000000.0,1700000010.0);
CREATE INDEX incidents_open ON incidents (id) WHERE resolved_wall IS NULL;
CREATE INDEX incidents_resolved ON incidents (resolved_wall);
CREATE INDEX journal_at ON journal (at_wall);
CREATE INDEX journal_incident ON journal (incident) WHERE incident IS NOT NULL;
CREATE INDEX evidence_incident ON evidence (incident);
CREATE INDEX outbox_waiting ON outbox (id) WHERE ended_wall IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_wall) WHERE ended_wall IS NOT NULL;
CREATE INDEX journal_target ON journal (target, at_wall, id, brief);
CREATE INDEX task_runs_task ON task_runs (task, id);
CREATE INDEX task_runs_ended ON task_runs (ended_wall);
CREATE INDEX drills_target ON drills (target, ended_wall);
CREATE INDEX drills_ended ON drills (ended_wall);
PRAGMA user_version = 5;
COMMIT;
