-- At these forges a repository has one name, however it is written; what was kept before is found as well.

UPDATE pipeline_configurations SET repository_key = lower(repository_key)
  WHERE repository_key LIKE 'github.com/%' OR repository_key LIKE 'gitlab.com/%' OR repository_key LIKE 'bitbucket.org/%';
